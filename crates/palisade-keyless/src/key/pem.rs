//! PEM (RFC 7468): exactly one block, and its label.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Characters in a line of base64.
const LINE: usize = 64;

/// The label and content of the one block in a text.
pub(super) fn decode(text: &str) -> Result<(&str, Vec<u8>), &'static str> {
    let mut lines = text
        .lines()
        .map(str::trim)
        .skip_while(|line| !line.starts_with("-----BEGIN "));
    let label = lines
        .next()
        .and_then(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .ok_or("there is no PEM block in it")?;
    let end = format!("-----END {label}-----");
    let mut body = String::new();
    loop {
        match lines.next() {
            Some(line) if line == end => break,
            // Encryption of the old kind stands in headers, and MD5 makes its key.
            Some(line) if line.contains(':') => {
                return Err("it has headers, as old encryption has");
            }
            Some(line) => body.push_str(line),
            None => return Err("its PEM block does not end"),
        }
    }
    // Which of two keys is meant must not depend on the reader.
    if lines.any(|line| line.starts_with("-----BEGIN ")) {
        return Err("there is more than one PEM block in it");
    }
    let bytes = STANDARD
        .decode(body)
        .map_err(|_| "its PEM block is not base64")?;
    Ok((label, bytes))
}

pub(super) fn encode(label: &str, bytes: &[u8]) -> String {
    let body = STANDARD.encode(bytes);
    let mut text = format!("-----BEGIN {label}-----\n");
    for (position, character) in body.chars().enumerate() {
        if position > 0 && position % LINE == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    format!("{text}\n-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_reads_back_and_two_or_half_of_one_do_not() {
        let one = encode("PRIVATE KEY", &[7; 100]);
        assert!(one.lines().all(|line| line.len() <= LINE));
        assert_eq!(decode(&one), Ok(("PRIVATE KEY", vec![7; 100])));
        let commented = format!("comment\n{one}\n");
        assert!(decode(&commented).is_ok());
        assert!(decode(&format!("{one}{one}")).is_err());
        assert!(decode(&one.replace("-----END", "-----ENDE")).is_err());
        assert!(decode(&one.replace("Bw", "B?")).is_err());
        assert!(decode("").is_err());
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
        assert_eq!(decode(old), Err("it has headers, as old encryption has"));
    }
}
