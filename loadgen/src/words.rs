//! Splitting a line into words the way a shell does: blanks separate, quotes hold together.

/// Why a line cannot be split.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum WordsError {
    #[error("a {0} quote is not closed")]
    OpenQuote(char),
    #[error("nothing follows the last backslash")]
    TrailingBackslash,
    #[error("it is empty")]
    Empty,
}

/// The words of a line, at least one. Single quotes keep everything; double quotes and bare text know `\`.
pub fn split(line: &str) -> Result<Vec<String>, WordsError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                // An empty pair of quotes is a word, too.
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => {
                let escaped = letters.next().ok_or(WordsError::TrailingBackslash)?;
                word.get_or_insert_default().push(escaped);
            }
            (None, blank) if blank.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    if let Some(open) = quote {
        return Err(WordsError::OpenQuote(open));
    }
    words.extend(word);
    if words.is_empty() { Err(WordsError::Empty) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::{WordsError, split};

    fn check(line: &str, expected: &[&str]) {
        assert_eq!(split(line).unwrap(), expected, "{line}");
    }

    #[test]
    fn words_follow_shell_quoting() {
        check("GET key:{key}", &["GET", "key:{key}"]);
        check("  SET  k\t'a b' ", &["SET", "k", "a b"]);
        check("server --save \"\" --port 1", &["server", "--save", "", "--port", "1"]);
        check(r#"a"b c"d\ e '\'"#, &["ab cd e", "\\"]);
    }

    #[test]
    fn broken_lines_are_refused() {
        assert_eq!(split("SET 'a"), Err(WordsError::OpenQuote('\'')));
        assert_eq!(split("SET a\\"), Err(WordsError::TrailingBackslash));
        assert_eq!(split("   "), Err(WordsError::Empty));
    }
}
