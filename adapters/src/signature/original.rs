//! What a body may have been before a receiver's framework read it and wrote it again.

use serde::de::IgnoredAny;

/// How a body was changed on its way to the verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// A newline at the end came or went.
    FinalNewline,
    /// Line ends became those of another system.
    LineEnds,
    /// JSON was parsed and written again with other white space or escapes.
    Rewritten,
}

/// Returns the texts that the body may have been, each with the change that made the body of it.
/// An order of members that was lost can't be brought back.
pub(super) fn originals(body: &[u8]) -> Vec<(Change, Vec<u8>)> {
    let mut found = vec![(Change::FinalNewline, [body, b"\n"].concat())];
    if let Some(shorter) = body.strip_suffix(b"\r\n").or_else(|| body.strip_suffix(b"\n")) {
        found.push((Change::FinalNewline, shorter.to_vec()));
    }
    if let Ok(text) = str::from_utf8(body) {
        let unix = text.replace("\r\n", "\n");
        found.push((Change::LineEnds, unix.replace('\n', "\r\n").into_bytes()));
        found.push((Change::LineEnds, unix.into_bytes()));
        if serde_json::from_str::<IgnoredAny>(text).is_ok() {
            for text in [text.to_owned(), unescaped(text)] {
                let tokens = tokens(&text);
                let layouts = [Layout::Compact, Layout::Spaced, Layout::Lines(2), Layout::Lines(4)];
                found.extend(
                    layouts.map(|layout| (Change::Rewritten, layout.write(&tokens).into_bytes())),
                );
            }
        }
    }
    found
}

/// White space between the tokens of JSON.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// None, as we and `JSON.stringify` write it.
    Compact,
    /// A space after commas and colons, as Python's `json.dumps` writes it.
    Spaced,
    /// A line for each member, indented by so many spaces a level.
    Lines(usize),
}

impl Layout {
    fn write(self, tokens: &[&str]) -> String {
        let mut out = String::new();
        let mut depth: usize = 0;
        let mut before = "";
        for token in tokens {
            let opened = matches!(before, "{" | "[");
            let closes = matches!(*token, "}" | "]");
            if opened && !closes {
                depth += 1;
            } else if closes && !opened {
                depth = depth.saturating_sub(1);
            }
            match self {
                Self::Spaced => out.push_str(if matches!(before, "," | ":") { " " } else { "" }),
                Self::Lines(_) if before == ":" => out.push(' '),
                Self::Lines(indent) if before == "," || opened != closes => {
                    out.push('\n');
                    out.push_str(&" ".repeat(indent * depth));
                }
                Self::Compact | Self::Lines(_) => (),
            }
            out.push_str(token);
            before = token;
        }
        out
    }
}

/// Splits valid JSON into strings, numbers, words and punctuation.
fn tokens(json: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = json.trim_ascii_start();
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b'"' => string_length(rest),
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            _ => rest
                .find(|next: char| next.is_ascii_whitespace() || ",:]}".contains(next))
                .unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        tokens.push(token);
        rest = after.trim_ascii_start();
    }
    tokens
}

/// The length of the string that the text begins with, quotation marks included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Undoes the escapes that JSON allows but does not need: of characters beyond ASCII, as Python
/// and PHP write them, and of slashes, as PHP does.
fn unescaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((plain, after)) = rest.split_once('\\') {
        out.push_str(plain);
        rest = after;
        if let Some(after) = rest.strip_prefix('/') {
            out.push('/');
            rest = after;
        } else if let Some((character, after)) = escaped_character(rest) {
            out.push(character);
            rest = after;
        } else {
            out.push('\\');
            // What is escaped must not be taken for the beginning of an escape.
            let mut characters = rest.chars();
            out.extend(characters.next());
            rest = characters.as_str();
        }
    }
    out + rest
}

/// Reads `u` and four hexadecimal digits, or a pair of surrogates, if it is a character beyond ASCII.
fn escaped_character(text: &str) -> Option<(char, &str)> {
    let (first, mut rest) = code_unit(text)?;
    let mut units = vec![first];
    if (0xd800..0xdc00).contains(&first) {
        let (second, after) = code_unit(rest.strip_prefix('\\')?)?;
        units.push(second);
        rest = after;
    }
    let character = char::decode_utf16(units).next()?.ok()?;
    (!character.is_ascii()).then_some((character, rest))
}

fn code_unit(text: &str) -> Option<(u16, &str)> {
    let (digits, rest) = text.strip_prefix('u')?.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPACT: &str =
        r#"{"a":[1,-2.50e3,{}],"b":"naïve \"✓\" \\u00e9 a/b 😀","c":{"d":null,"e":[]}}"#;

    fn undone(changed: &str) -> Option<Change> {
        let originals = originals(changed.as_bytes());
        originals.iter().find(|(_, text)| text == COMPACT.as_bytes()).map(|(change, _)| *change)
    }

    #[test]
    fn what_python_php_and_javascript_write_is_undone() {
        // json.dumps(json.loads(body), ensure_ascii=False), but for the number.
        let spaced = r#"{"a": [1, -2.50e3, {}], "b": "naïve \"✓\" \\u00e9 a/b 😀", "c": {"d": null, "e": []}}"#;
        assert_eq!(undone(spaced), Some(Change::Rewritten));
        // json.dumps(json.loads(body)).
        let escaped = r#"{"a": [1, -2.50e3, {}], "b": "na\u00efve \"\u2713\" \\u00e9 a/b \ud83d\ude00", "c": {"d": null, "e": []}}"#;
        assert_eq!(undone(escaped), Some(Change::Rewritten));
        // json_encode(json_decode($body)).
        let php = r#"{"a":[1,-2.50e3,{}],"b":"na\u00efve \"\u2713\" \\u00e9 a\/b \uD83D\uDE00","c":{"d":null,"e":[]}}"#;
        assert_eq!(undone(php), Some(Change::Rewritten));
        // JSON.stringify(JSON.parse(body), null, 2).
        let lines = "{\n  \"a\": [\n    1,\n    -2.50e3,\n    {}\n  ],\n  \"b\": \"naïve \\\"✓\\\" \\\\u00e9 a/b 😀\",\n  \"c\": {\n    \"d\": null,\n    \"e\": []\n  }\n}";
        assert_eq!(undone(lines), Some(Change::Rewritten));
        let compact = originals(COMPACT.as_bytes());
        assert!(compact.contains(&(Change::Rewritten, lines.as_bytes().to_vec())));
        assert!(compact.contains(&(Change::Rewritten, spaced.as_bytes().to_vec())));
    }

    #[test]
    fn ends_of_lines_and_of_the_text_are_undone() {
        assert_eq!(undone(&format!("{COMPACT}\n")), Some(Change::FinalNewline));
        assert_eq!(undone(&format!("{COMPACT}\r\n")), Some(Change::FinalNewline));
        let made = |changed: &str, change, original: &str| {
            originals(changed.as_bytes()).contains(&(change, original.as_bytes().to_vec()))
        };
        assert!(made("a", Change::FinalNewline, "a\n"));
        assert!(made("a\r\nb", Change::LineEnds, "a\nb"));
        assert!(made("a\nb", Change::LineEnds, "a\r\nb"));
    }

    #[test]
    fn a_body_of_any_bytes_is_taken() {
        for body in [&b""[..], b"\xff\xfe", b"{", b"\"", br#""\"#, b"\"\\ud83d\"", b"[\"\\u12\"]"] {
            assert!(!originals(body).is_empty());
        }
        assert_eq!(unescaped(r"\ud83d\n \u0041 \u00"), r"\ud83d\n \u0041 \u00");
    }
}
