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
        match next_link(&answer.headers) {
            None => self.done = true,
            Some(link) => self.call.url = follow(&self.call, &link)?,
        }
        Ok(Some(answer))
    }
}

/// The address as the server wrote it, never rebuilt: cursors are opaque (ECR Public).
fn follow(call: &Call<'_>, link: &str) -> Result<Url, Error> {
    let next = call.url.join(link).ok();
    next.filter(|next| same_origin(next, &call.url))
        .ok_or_else(|| Error::malformed(&call.what, "the next page is on another server"))
}

/// The target of the link with `rel=next`.
fn next_link(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(header::LINK).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .find_map(next_in)
}

fn next_in(mut value: &str) -> Option<String> {
    while let Some((_, after)) = value.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let parameters = after.split('<').next().unwrap_or_default();
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let parameter = parameter.replace([' ', '"', '\t'], "");
            parameter.eq_ignore_ascii_case("rel=next")
        });
        if is_next {
            return Some(target.to_owned());
        }
        value = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_next_link_counts() {
        let next = |text: &str| next_in(text);
        let want = Some("/v2/a/tags/list?n=1&last=x,y".to_owned());
        assert_eq!(next(r#"</v2/a/tags/list?n=1&last=x,y>; rel="next""#), want);
        assert_eq!(
            next(r#"</prev>; rel="prev", </v2/a/tags/list?n=1&last=x,y>; rel=next"#),
            want
        );
        for none in [
            "",
            "</x>",
            r#"</x>; rel="prev""#,
            "</x; rel=next",
            "rel=next",
        ] {
            assert_eq!(next(none), None, "{none}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_link_header_panics(text in "[<>;,=\" a-z/]{0,60}") {
            next_in(&text);
        }
    }
}
