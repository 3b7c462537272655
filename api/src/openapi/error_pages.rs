//! The pages of `docs/errors`, in the binary, so that what an error's `doc_url` names is served by
//! the service that refused.

use include_dir::{Dir, include_dir};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, html};
use std::fmt::Write as _;

static PAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../docs/errors");

/// Where the pages are, below the service's own address.
pub(crate) const PLACE: &str = "/docs/errors";

/// The page of all errors stands beside the others under this name.
const INDEX: &str = "README";

/// The page of a code as it was written; without a code, the page of all.
pub(super) fn markdown(code: Option<&str>) -> Option<String> {
    let text = written(code.unwrap_or(INDEX))?;
    if code.is_some() {
        return Some(text.to_owned());
    }
    // The index is served one level above its pages.
    Some(text.replace("](", "](/docs/errors/"))
}

fn written(name: &str) -> Option<&'static str> {
    PAGES.get_file(format!("{name}.md"))?.contents_utf8()
}

/// The codes that have a page.
pub(super) fn codes() -> Vec<&'static str> {
    let names = PAGES.files().filter_map(|file| file.path().file_stem()?.to_str());
    let mut codes: Vec<_> = names.filter(|name| *name != INDEX).collect();
    codes.sort_unstable();
    codes
}

/// The page of a code for people, or the page of all.
pub(super) fn html(code: Option<&str>) -> Option<String> {
    let text = written(code.unwrap_or(INDEX))?;
    let linked = Parser::new_ext(text, Options::ENABLE_TABLES).map(|event| match event {
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = match dest_url.strip_suffix(".md") {
                Some(name) => CowStr::from(format!("{PLACE}/{name}")),
                None => dest_url,
            };
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        event => event,
    });
    let mut body = String::new();
    html::push_html(&mut body, linked);
    let (title, twin) = match code {
        Some(code) => (code, format!("{PLACE}/{code}.md")),
        None => ("Errors", format!("{PLACE}.md")),
    };
    let up = if code.is_some() { PLACE } else { "/docs" };
    Some(format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <link rel=\"alternate\" type=\"text/markdown\" href=\"{twin}\"><style>{STYLE}</style>\
         </head>\n<body><nav><a href=\"{up}\">{up}</a></nav>\n{body}</body></html>\n"
    ))
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}\
     pre{background:#f4f4f4;padding:1rem;overflow:auto}td,th{padding:.2rem .8rem .2rem 0;text-align:left}";

/// All pages below one another, each a section.
pub(super) fn sections() -> String {
    let mut all = String::new();
    for text in codes().into_iter().filter_map(written) {
        _ = write!(all, "\n#{text}");
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_between_pages_lead_to_pages() {
        let page = html(Some("body_too_large")).expect("a page");
        assert!(page.contains("href=\"/docs/errors/file_too_large\""), "{page}");
        let index = html(None).expect("the index");
        assert!(index.contains("<td><a href=\"/docs/errors/window_over\">"), "{index}");
        let index = markdown(None).expect("the index");
        assert!(index.contains("](/docs/errors/window_over.md)"), "{index}");
    }

    #[test]
    fn nothing_but_pages_is_found() {
        for name in ["", "nothing", "../http", "README.md", "/etc/passwd"] {
            assert!(html(Some(name)).is_none(), "{name:?}");
        }
    }
}
