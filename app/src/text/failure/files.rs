//! What is said where one file, or the folder that is received into, is the trouble: why it cannot be read or
//! saved.

use super::Words;

pub(super) const READ_FORBIDDEN: Words = Words::by_role(
    (
        "You may not read something that you send",
        "Ask for the right to read it, or leave it out, then send again",
    ),
    (
        "The sender may not read a file",
        "Ask the sender to check who may read it, and to send it again",
    ),
)
.of_file("the sender may not read it");

pub(super) const SENDER_TOO_MANY_OPEN: Words = Words::by_role(
    (
        "This machine has as many files open as it may",
        "Close other programs, or raise the limit (ulimit -n), then send again",
    ),
    (
        "The sender's machine has as many files open as it may",
        "Ask the sender to close other programs, and to send again",
    ),
)
.of_file("the sender's machine has too many files open");

pub(super) const WRONG_SIZE: Words = Words::by_role(
    (
        "A file has more in it than this system says",
        "Copy it to an ordinary file, such as with cat, and send that",
    ),
    (
        "A file has more in it than the sender's system says",
        "Ask the sender to copy it to an ordinary file, and to send that",
    ),
)
.of_file("it has more in it than its size says");

pub(super) const READ_ONLY: Words = Words::by_role(
    (
        "The other machine cannot save anything in the folder that was chosen there: it is read-only",
        "Ask them to choose another folder, then send again",
    ),
    (
        "The folder you chose is read-only",
        "Choose another folder with -o, or make this one writable, then receive again",
    ),
)
.of_file("the receiving folder is read-only");

pub(super) const WRITE_FORBIDDEN: Words = Words::by_role(
    (
        "The other person may not write in the folder that they chose",
        "Ask them to choose another folder, then send again",
    ),
    (
        "You may not write in the folder you chose",
        "Choose another folder with -o, or ask for the right to write there",
    ),
)
.of_file("the receiver may not write there");

pub(super) const NOT_A_FOLDER: Words = Words::by_role(
    (
        "On the other machine there is a file where a folder is needed",
        "Ask them to move it away or to choose another folder, then send again",
    ),
    (
        "There is a file where a folder is needed",
        "Move it away, or choose another folder with -o, then receive again",
    ),
)
.of_file("a file is where a folder is needed");

pub(super) const FOLDER_IN_THE_WAY: Words = Words::by_role(
    (
        "On the other machine a folder has the name that a file should get",
        "Ask them to move it away or to choose another folder, then send again",
    ),
    (
        "A folder has the name that a file should get",
        "Move it away, or choose another folder with -o, then receive again",
    ),
)
.of_file("a folder of that name is in its way");

pub(super) const NAME_TOO_LONG: Words = Words::by_role(
    (
        "A name is too long for the disk of the other machine",
        "Shorten it and send again",
    ),
    (
        "A name is too long for this disk",
        "Choose a folder on another disk with -o, or ask the sender to shorten the name",
    ),
)
.of_file("its name is too long for the receiving disk");

pub(super) const NAME_FORBIDDEN: Words = Words::by_role(
    (
        "The disk of the other machine cannot have such a name",
        "Rename it and send again",
    ),
    (
        "This disk cannot have such a name",
        "Choose a folder on another disk with -o, or ask the sender to rename it",
    ),
)
.of_file("the receiving disk cannot have such a name");

pub(super) const FILE_TOO_LARGE: Words = Words::by_role(
    (
        "A file is too large for the disk of the other machine",
        "Ask them to choose a folder on another disk, or split the file, then send again",
    ),
    (
        "A file is too large for this disk, or for the limit that is set here",
        "Choose a folder on another disk with -o, then receive again",
    ),
)
.of_file("it is too large for the receiving disk");

pub(super) const TOO_MANY_OPEN: Words = Words::by_role(
    (
        "The other machine has as many files open as it may",
        "Ask them to close other programs, then send again",
    ),
    (
        "This machine has as many files open as it may",
        "Close other programs, or raise the limit (ulimit -n), then receive again",
    ),
)
.of_file("the receiving machine has too many files open");

pub(super) const LINK_IN_THE_WAY: Words = Words::by_role(
    (
        "On the other machine a link is in the way that leads out of the folder they chose",
        "Ask them to remove it or to choose another folder, then send again",
    ),
    (
        "A link in the folder you chose leads out of it, and nothing is written through it",
        "Remove it, or choose another folder with -o, then receive again",
    ),
)
.of_file("a link is in the way that leads out of the receiving folder");

pub(super) const TARGET_MISSING: Words = Words::both(
    "What links lead to did not arrive, so the links were not made",
    "Take, or send, what they lead to as well",
)
.of_file("what it leads to, or is a second name of, is not in the receiving folder");

pub(super) const NO_LINKS: Words = Words::by_role(
    (
        "The other machine's folder cannot have links to folders",
        "Ask them to choose a folder on another disk, or send archives",
    ),
    (
        "The folder you chose is on a disk that cannot have links to folders",
        "Choose a folder on another disk with -o, then receive again",
    ),
)
.of_file("it is a link to a folder, and the receiving disk has no links");

pub(super) const NOT_ALLOWED: Words = Words::by_role(
    (
        "The other person took nothing that is hidden, or would start by itself on their machine",
        "Ask them to allow it, or send it in a folder or an archive",
    ),
    (
        "All of this is hidden, or would start by itself here, and you did not say yes to that",
        "Receive again with --allow-hidden, or say yes to it, if you trust the sender with that",
    ),
)
.of_file("it is hidden or would start by itself, and the receiver did not say yes to that");

pub(super) const QUOTA: Words = Words::by_role(
    (
        "The other person has used up what they may have on their disk",
        "Send fewer files, or ask them to make room",
    ),
    (
        "You have used up what you may have on this disk",
        "Remove something, or choose a folder on another disk with -o",
    ),
)
.of_file("the receiver has used up what they may have on the disk");

pub(super) const TAKEN_OVER: Words = Words::by_role(
    (
        "Another receive on the other machine goes on with these files",
        "Leave this one, and let that one finish",
    ),
    (
        "Another receive into this folder has taken these files over while this one heard nothing of its sender",
        "Let that one finish: what had arrived here is not sent again",
    ),
)
.of_file("another receive has taken it over");
