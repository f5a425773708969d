use std::fs;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use super::local_socket::loopback;
use super::*;

/// A first instance, and word of every request that reached it.
fn first(folder: &Path) -> (StartRequests, Receiver<()>) {
    let Start::First(instance) = start(folder, &StartRequest::default()).expect("it starts") else {
        panic!("somebody else is the first");
    };
    let (woken, wakes) = sync_channel(16);
    let wake = Arc::new(move || woken.send(()).expect("the test waits"));
    (instance.listen(wake).expect("a thread"), wakes)
}

fn request(paths: &[&str], link: Option<&str>) -> StartRequest {
    StartRequest {
        paths: paths.iter().map(PathBuf::from).collect(),
        link: link.map(|link| TypedLink::new(link.to_owned())),
    }
}

#[test]
fn a_second_start_hands_its_request_to_the_first() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("run");
    let (requests, wakes) = first(&folder);
    for sent in [
        request(&["/a b", "/\u{e9}"], None),
        request(&[], Some("fardrop:417-acid-lemon")),
        request(&[], None),
    ] {
        let started = start(&folder, &sent).expect("it hands over");
        assert!(matches!(started, Start::HandedOver));
        wakes
            .recv_timeout(Duration::from_secs(30))
            .expect("it is woken");
        assert_eq!(requests.poll(), Some(sent));
        assert_eq!(requests.poll(), None);
    }
}

#[test]
fn many_starts_at_once_give_one_first() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("run");
    let (requests, wakes) = first(&folder);
    let second = |number: usize| {
        let sent = request(&[&format!("/{number}")], None);
        let started = start(&folder, &sent);
        assert!(matches!(started, Ok(Start::HandedOver)), "{started:?}");
    };
    std::thread::scope(|scope| {
        for number in 0..8 {
            let second = &second;
            scope.spawn(move || second(number));
        }
    });
    let mut paths = Vec::new();
    for _ in 0..8 {
        wakes.recv_timeout(Duration::from_secs(30)).expect("woken");
        paths.extend(requests.poll().expect("a request").paths);
    }
    paths.sort();
    let expected: Vec<_> = (0..8)
        .map(|number| PathBuf::from(format!("/{number}")))
        .collect();
    assert_eq!(paths, expected);
}

#[test]
fn what_a_killed_first_left_behind_is_no_obstacle() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("run");
    local_socket::make_private(&folder).expect("a folder");
    // A lock file that nobody holds, and a socket that nobody listens at.
    fs::write(folder.join(LOCK_NAME), "").expect("it writes");
    #[cfg(unix)]
    drop(std::os::unix::net::UnixListener::bind(folder.join("instance.sock")).expect("a socket"));
    let (requests, _wakes) = first(&folder);
    drop(requests);
    let again = start(&folder, &StartRequest::default()).expect("it starts");
    assert!(matches!(again, Start::First(_)));
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_may_enter_is_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let home = tempfile::tempdir().expect("a folder");
    let open = home.path().join("open");
    fs::create_dir(&open).expect("a folder");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).expect("permissions");
    let own = home.path().join("own");
    local_socket::make_private(&own).expect("a folder");
    let mode = own.metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let link = home.path().join("link");
    symlink(&own, &link).expect("a link");
    for folder in [open, link] {
        let refused = start(&folder, &StartRequest::default());
        assert!(
            matches!(refused, Err(InstanceError::Folder { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn nonsense_is_neither_understood_nor_kept_in_memory() {
    let message = |paths: &[&str], rest: &[u8]| {
        let message = Message::<String> {
            paths: paths.iter().map(OsString::from).collect(),
            link: None,
        };
        let mut body = postcard::to_stdvec(&message).expect("it encodes");
        body.extend(rest);
        [&MAGIC[..], &(body.len() as u32).to_le_bytes(), &body].concat()
    };
    assert!(read_request(&mut &message(&["/a"], &[])[..]).is_ok());
    let too_long = [&MAGIC[..], &u32::MAX.to_le_bytes()].concat();
    for bytes in [
        message(&["relative"], &[]),
        message(&["/a"], &[0]),
        message(&["/a"], &[])[..14].to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        too_long,
        Vec::new(),
    ] {
        assert!(read_request(&mut &bytes[..]).is_err(), "{bytes:?}");
    }
}

#[test]
fn a_visitor_that_says_nonsense_does_not_keep_others_out() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("run");
    let (requests, wakes) = first(&folder);
    let mut connection =
        local_socket::connect(&folder, Duration::from_secs(30)).expect("it answers");
    connection.write_all(&[7; 64]).expect("it writes");
    let mut answer = Vec::new();
    // It closes, perhaps with bytes of ours unread.
    let _ = connection.read_to_end(&mut answer);
    assert!(answer.is_empty(), "{answer:?}");
    let sent = request(&["/a"], None);
    assert!(matches!(start(&folder, &sent), Ok(Start::HandedOver)));
    wakes.recv_timeout(Duration::from_secs(30)).expect("woken");
    assert_eq!(requests.poll(), Some(sent));
}

#[test]
fn the_way_over_loopback_asks_for_the_token() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path();
    let socket = loopback::LocalSocket::listen(folder).expect("a port");
    let address = fs::read(folder.join("instance.port")).expect("it is there");
    let patience = Duration::from_secs(30);

    let mut connection = loopback::connect(folder, patience).expect("it connects");
    connection.write_all(b"hello").expect("it writes");
    let mut heard = [0; 5];
    let mut answered = socket.accept().expect("the token is right");
    answered.read_exact(&mut heard).expect("it reads");
    assert_eq!(&heard, b"hello");

    let mut forged = address;
    forged[10] ^= 1;
    fs::write(folder.join("instance.port"), forged).expect("it writes");
    let _visit = loopback::connect(folder, patience).expect("it connects");
    let refused = socket.accept().expect_err("the token is wrong");
    assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn a_command_line_is_paths_and_at_most_one_link() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("a.txt");
    fs::write(&file, "a").expect("it writes");
    let named =
        |names: &[&str]| StartRequest::from_named(names.iter().map(OsString::from).collect());
    let path = file.to_str().expect("Unicode");
    assert_eq!(
        named(&[path, "FarDrop:417-acid-lemon"]),
        Ok(StartRequest {
            paths: vec![file.clone()],
            link: Some(TypedLink::new("FarDrop:417-acid-lemon".to_owned())),
        })
    );
    // A file manager may name files by their addresses.
    let address = url::Url::from_file_path(&file).expect("a whole path");
    let opened = named(&[address.as_str()]).expect("it is there");
    assert_eq!(opened.paths, std::slice::from_ref(&file));
    assert_eq!(named(&[]), Ok(StartRequest::default()));
    assert_eq!(named(&["fardrop:a", "fardrop:b"]), Err("fardrop:b".into()));
    assert_eq!(named(&[path, "/nothing/here"]), Err("/nothing/here".into()));
    assert!(named(&["."]).expect("a folder").paths[0].is_absolute());
}
