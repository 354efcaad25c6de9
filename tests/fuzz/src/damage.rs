//! Damage to a good document that leaves it readable: bytes alone would hardly ever get past the
//! first brace, let alone through base64.

use arbitrary::{Result, Unstructured};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The most changes to one document.
const MAX_CHANGES: usize = 6;

/// Changes the document as the input says: parts taken away, swapped, repeated or replaced, bits
/// flipped in texts and below their base64.
pub(crate) fn damage(document: &mut Value, input: &mut Unstructured<'_>) {
    for _ in 0..MAX_CHANGES {
        if input.is_empty() || change(document, input).is_err() {
            return;
        }
    }
}

fn change(document: &mut Value, input: &mut Unstructured<'_>) -> Result<()> {
    let nodes = count(document);
    let kind = input.int_in_range(0..=7u8)?;
    let at = input.int_in_range(0..=nodes - 1)?;
    let other = match kind {
        6 | 7 => {
            let from = input.int_in_range(0..=nodes - 1)?;
            nth(document, &mut { from }).clone()
        }
        _ => Value::Null,
    };
    let node = nth(document, &mut { at });
    match kind {
        0 => remove(node, input)?,
        1 => repeat(node, input)?,
        2 => *node = any(input)?,
        6 | 7 => *node = other,
        _ => flip(node, input)?,
    }
    Ok(())
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// The node with this number, counted from the top; the last one that there is.
fn nth<'a>(value: &'a mut Value, number: &mut usize) -> &'a mut Value {
    if *number == 0 {
        return value;
    }
    let below = match value {
        Value::Array(items) => items.iter().map(count).collect(),
        Value::Object(map) => map.values().map(count).collect(),
        _ => Vec::new(),
    };
    *number -= 1;
    let mut place = 0;
    while place < below.len() && *number >= below[place] {
        *number -= below[place];
        place += 1;
    }
    if place >= below.len() {
        return value;
    }
    let child = match value {
        Value::Array(items) => items.get_mut(place),
        Value::Object(map) => map.values_mut().nth(place),
        _ => None,
    };
    nth(child.expect("counted a moment ago"), number)
}

fn remove(node: &mut Value, input: &mut Unstructured<'_>) -> Result<()> {
    match node {
        Value::Array(items) if !items.is_empty() => {
            items.remove(input.choose_index(items.len())?);
        }
        Value::Object(map) if !map.is_empty() => {
            let at = input.choose_index(map.len())?;
            let key = map.keys().nth(at).cloned().expect("a key that was counted");
            map.remove(&key);
        }
        _ => *node = Value::Null,
    }
    Ok(())
}

fn repeat(node: &mut Value, input: &mut Unstructured<'_>) -> Result<()> {
    if let Value::Array(items) = node
        && !items.is_empty()
    {
        let copy = items[input.choose_index(items.len())?].clone();
        items.push(copy);
    }
    Ok(())
}

fn any(input: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match input.int_in_range(0..=8u8)? {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(input.arbitrary::<i64>()?),
        3 => json!(input.arbitrary::<u64>()?.to_string()),
        4 => json!([]),
        5 => json!({}),
        6 => json!(""),
        7 => json!(input.arbitrary::<f64>()?),
        _ => json!(input.arbitrary::<&str>()?),
    })
}

/// Changes a text: its base64 content when it has one, else itself.
fn flip(node: &mut Value, input: &mut Unstructured<'_>) -> Result<()> {
    match node {
        Value::String(text) => match STANDARD.decode(&*text) {
            Ok(mut bytes) if text.len() >= 8 => {
                flip_bytes(&mut bytes, input)?;
                *text = STANDARD.encode(bytes);
            }
            _ => {
                let mut bytes = text.clone().into_bytes();
                flip_bytes(&mut bytes, input)?;
                *text = String::from_utf8_lossy(&bytes).into_owned();
            }
        },
        Value::Number(number) => {
            let by = input.int_in_range(-2..=2i64)?;
            let old = number.as_i64().unwrap_or(0);
            *node = json!(old.wrapping_add(by));
        }
        _ => {}
    }
    Ok(())
}

fn flip_bytes(bytes: &mut Vec<u8>, input: &mut Unstructured<'_>) -> Result<()> {
    if bytes.is_empty() {
        bytes.push(input.arbitrary()?);
        return Ok(());
    }
    let at = input.choose_index(bytes.len())?;
    match input.int_in_range(0..=4u8)? {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, input.arbitrary()?),
        2 => drop(bytes.remove(at)),
        3 => bytes[at] = input.arbitrary()?,
        _ => bytes[at] ^= 1 << input.int_in_range(0..=7u8)?,
    }
    Ok(())
}
