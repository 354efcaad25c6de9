//! Lists that come in pages (`Link`, RFC 8288).

use reqwest::header::{self, HeaderMap};
use url::Url;

use crate::address::same_origin;
use crate::answer::Answer;
use crate::call::Call;
use crate::error::Error;
use crate::{Client, limits};

/// The pages of one list, asked for one after the other.
pub(crate) struct Pages<'a> {
    pub(crate) call: Call<'a>,
    count: usize,
    done: bool,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(call: Call<'a>) -> Self {
        Self {
            call,
            count: 0,
            done: false,
        }
    }

    /// The next page, whatever its status.
    pub(crate) async fn next(&mut self, client: &Client) -> Result<Option<Answer>, Error> {
        if self.done {
            return Ok(None);
        }
        if self.count == limits::PAGES {
            return Err(Error::limit(&self.call.what, limits::PAGES as u64, "pages"));
        }
        self.count += 1;
        let answer = client.transport.fetch(&self.call, limits::MANIFEST).await?;
        let link = next_link(&answer.headers).map_err(|Unreadable| {
            // Taken for "no more pages", it would hide what is on them.
            Error::malformed(&self.call.what, "the link to the next page cannot be read")
        })?;
        match link {
            None => self.done = true,
            Some(link) => self.call.url = follow(&self.call, &link)?,
        }
        Ok(Some(answer))
    }
}

/// The address as the server wrote it, never rebuilt: cursors are opaque (ECR Public).
pub(crate) fn follow(call: &Call<'_>, link: &str) -> Result<Url, Error> {
    let next = call.url.join(link).ok();
    next.filter(|next| same_origin(next, &call.url))
        .ok_or_else(|| Error::malformed(&call.what, "the next page is on another server"))
}

/// A `Link` header that does not say whether there is a next page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// The target of the link with `rel=next`, `None` when the header names other links only.
fn next_link(headers: &HeaderMap) -> Result<Option<String>, Unreadable> {
    for value in headers.get_all(header::LINK) {
        let value = value.to_str().map_err(|_| Unreadable)?;
        if let Some(next) = next_in(value)? {
            return Ok(Some(next));
        }
    }
    Ok(None)
}

/// RFC 8288, section 3: `<target>` and parameters, several of them with commas between.
pub(crate) fn next_in(mut value: &str) -> Result<Option<String>, Unreadable> {
    loop {
        value = value.trim_start_matches([' ', '\t', ',']);
        if value.is_empty() {
            return Ok(None);
        }
        let (target, after) = value
            .strip_prefix('<')
            .and_then(|rest| rest.split_once('>'))
            .ok_or(Unreadable)?;
        let (is_next, after) = parameters(after)?;
        if is_next {
            return Ok(Some(target.to_owned()));
        }
        value = after;
    }
}

/// Whether the parameters hold the relation `next`, and what stands after them.
fn parameters(mut text: &str) -> Result<(bool, &str), Unreadable> {
    let mut is_next = false;
    loop {
        text = text.trim_start_matches([' ', '\t']);
        if text.is_empty() || text.starts_with(',') {
            return Ok((is_next, text));
        }
        let parameter = text.strip_prefix(';').ok_or(Unreadable)?;
        let name_end = parameter.find(['=', ';', ',']).unwrap_or(parameter.len());
        let (name, rest) = parameter.split_at(name_end);
        let value = match rest.strip_prefix('=').map(str::trim_start) {
            None => {
                text = rest;
                continue;
            }
            Some(quoted) if quoted.starts_with('"') => {
                let (value, after) = quoted[1..].split_once('"').ok_or(Unreadable)?;
                text = after;
                value
            }
            Some(bare) => {
                let end = bare.find([';', ',']).unwrap_or(bare.len());
                text = &bare[end..];
                &bare[..end]
            }
        };
        // A link may have several relations.
        let relations = value.split_ascii_whitespace();
        is_next |= name.trim().eq_ignore_ascii_case("rel")
            && relations
                .into_iter()
                .any(|r| r.eq_ignore_ascii_case("next"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_next_link_counts() {
        let want = Ok(Some("/v2/a/tags/list?n=1&last=x,y".to_owned()));
        for next in [
            r#"</v2/a/tags/list?n=1&last=x,y>; rel="next""#,
            r#"</prev>; rel="prev", </v2/a/tags/list?n=1&last=x,y>; rel=next"#,
            r#"</v2/a/tags/list?n=1&last=x,y>;title="a,<b>";REL="last next" , </x>"#,
            "</v2/a/tags/list?n=1&last=x,y>;crossorigin;rel = next",
        ] {
            assert_eq!(next_in(next), want, "{next}");
        }
        for none in [
            "",
            "</x>",
            r#"</x>; rel="prev""#,
            r#"</x>; title="rel=next""#,
        ] {
            assert_eq!(next_in(none), Ok(None), "{none}");
        }
    }

    /// Attack: `reg_pagination`: a list that was not read to its end is no answer.
    #[test]
    fn a_link_that_cannot_be_read_is_not_the_end_of_the_list() {
        for bad in [
            "</x; rel=next",
            "rel=next",
            "/x; rel=next",
            r#"</x>; rel="next"#,
            "</x> rel=next",
        ] {
            assert_eq!(next_in(bad), Err(Unreadable), "{bad}");
        }
        let mut headers = HeaderMap::new();
        let bytes = header::HeaderValue::from_bytes(b"</\xff>; rel=next").expect("visible bytes");
        headers.insert(header::LINK, bytes);
        assert_eq!(next_link(&headers), Err(Unreadable));
    }

    proptest::proptest! {
        #[test]
        fn no_link_header_panics(text in "[<>;,=\" a-z/]{0,60}") {
            let _ = next_in(&text);
        }
    }
}
