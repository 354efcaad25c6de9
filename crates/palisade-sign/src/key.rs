//! `palisade sign key generate`, and the keys that `--key` names.

use std::path::{Path, PathBuf};

use palisade_keyless::{KeyFile, MAX_KEY_FILE, PrivateKey, generate};
use palisade_ui::{Context, escape};

use crate::args::{GenerateArgs, SigningArgs};
use crate::error::Error;
use crate::files;

/// The longest passphrase that is read, in bytes.
const MAX_PASSPHRASE: usize = 4096;

/// Makes a key and writes its two halves.
pub(crate) fn generate_key(args: &GenerateArgs, context: &Context) -> Result<(), Error> {
    let private = with_ending(&args.output_key_prefix, "key");
    let public = with_ending(&args.output_key_prefix, "pub");
    for path in [&private, &public] {
        files::check_writable(path)?;
        if path.exists() {
            return Err(Error::KeyExists { path: path.clone() });
        }
    }
    let file = args.passphrase_file.as_deref();
    let passphrase = passphrase("the new key", file, true, context)?;
    let key = generate(&passphrase);
    files::write_secret(&private, key.private.as_bytes())?;
    files::write(&public, key.public.as_bytes())?;
    let printer = context.printer;
    printer.answer(&format!(
        "private {}",
        escape(&private.display().to_string())
    ));
    printer.answer(&format!(
        "public  {}",
        escape(&public.display().to_string())
    ));
    printer.answer(&format!("digest  {}", key.key.fingerprint()));
    Ok(())
}

fn with_ending(prefix: &Path, ending: &str) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    path.into()
}

/// Reads the key that `--key` names, if it does.
pub(crate) fn read(args: &SigningArgs, context: &Context) -> Result<Option<PrivateKey>, Error> {
    let Some(path) = &args.key else {
        return Ok(None);
    };
    let wrong = |source| Error::Key {
        path: path.clone(),
        source,
    };
    match KeyFile::parse(&files::read(path, MAX_KEY_FILE)?).map_err(wrong)? {
        KeyFile::Open(key) => Ok(Some(key)),
        KeyFile::Sealed(sealed) => {
            let name = format!("`{}`", escape(&path.display().to_string()));
            let passphrase = passphrase(&name, args.passphrase_file.as_deref(), false, context)?;
            sealed.open(&passphrase).map(Some).map_err(wrong)
        }
    }
}

/// The file first, then the variable, then the terminal; in CI there is nobody to ask.
fn passphrase(
    what: &str,
    file: Option<&Path>,
    twice: bool,
    context: &Context,
) -> Result<Vec<u8>, Error> {
    if let Some(file) = file {
        let mut bytes = files::read(file, MAX_PASSPHRASE)?;
        for end in [b'\n', b'\r'] {
            bytes.pop_if(|last| *last == end);
        }
        return Ok(bytes);
    }
    if let Some(text) = context.environment.get_even_empty("COSIGN_PASSWORD") {
        return Ok(text.as_bytes().to_vec());
    }
    if context.environment.has("CI") {
        return Err(Error::Passphrase);
    }
    let ask = |prompt: String| rpassword::prompt_password(prompt).map_err(|_| Error::Passphrase);
    let first = ask(format!("Passphrase of {what}: "))?;
    if twice && ask("Once more: ".to_owned())? != first {
        return Err(Error::PassphrasesDiffer);
    }
    Ok(first.into_bytes())
}
