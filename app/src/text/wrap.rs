//! Lines that are as long as the screen is wide.

/// `line`, broken between words so that no part has more than `width` characters where that can be.
/// A line that begins with a space stays whole: it is a command or a name, to be copied.
#[must_use]
pub fn wrapped(line: &str, width: usize) -> String {
    if line.starts_with(' ') {
        return line.to_owned();
    }
    let mut text = String::with_capacity(line.len() + 4);
    let mut column = 0;
    for word in line.split_inclusive(' ') {
        // The space at a line's end may stand in the margin.
        if column > 0 && column + word.trim_end().chars().count() > width {
            text.truncate(text.trim_end().len());
            text.push('\n');
            column = 0;
        }
        text.push_str(word);
        column += word.chars().count();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 7), "one two\nthree");
        assert_eq!(wrapped("one two three", 8), "one two\nthree");
        assert_eq!(wrapped("one two three", 13), "one two three");
        assert_eq!(
            wrapped("incomprehensibilities here", 5),
            "incomprehensibilities\nhere"
        );
        assert_eq!(wrapped("", 5), "");
    }

    #[test]
    fn questions_keep_their_last_space() {
        assert_eq!(wrapped("Accept? [y/N] ", 40), "Accept? [y/N] ");
        assert_eq!(wrapped("Accept? [y/N] ", 8), "Accept?\n[y/N] ");
    }

    #[test]
    fn what_is_to_be_copied_stays_whole() {
        let command = "    fardrop receive 417-acid-lemon";
        assert_eq!(wrapped(command, 10), command);
    }
}
