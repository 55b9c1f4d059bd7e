//! The encrypted PEM of before PKCS#8: `Proc-Type: 4,ENCRYPTED` (RFC 1421 §4.6.1.1), as `openssl ec -aes256` writes it.
//!
//! Its key is one round of MD5 over the passphrase and a salt: a guess costs an attacker nothing. It is read because CAs
//! have such files, and never written.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use md5::{Digest as _, Md5};
use zeroize::{Zeroize as _, Zeroizing};

use crate::signer::{Secret, SignerError};
use crate::x509::{form, pem};

/// An encrypted key, not yet opened.
pub(super) struct LegacyPem {
    cipher: &'static Algorithm,
    key_length: usize,
    iv: [u8; 16],
    encrypted: Vec<u8>,
}

impl LegacyPem {
    /// The one encrypted key of a file in this form. `None`: the file is in another form.
    ///
    /// # Errors
    /// It is in this form, and broken, or encrypted with another cipher than AES in CBC mode.
    pub(super) fn find(content: &[u8]) -> Result<Option<Self>, SignerError> {
        let unmarked = form::unmarked(content);
        let Ok(text) = std::str::from_utf8(&unmarked) else { return Ok(None) };
        let mut lines = text.lines().map(str::trim_end).skip_while(|line| !is_begin(line));
        let Some(begin) = lines.next() else { return Ok(None) };
        if lines.next().is_none_or(|line| line.replace(' ', "") != "Proc-Type:4,ENCRYPTED") {
            return Ok(None);
        }
        let end = begin.replace("BEGIN", "END");
        let mut inside: Vec<&str> = Vec::new();
        for line in lines.by_ref() {
            if line == end {
                break;
            }
            inside.push(line);
        }
        // one key; certificates beside it are read elsewhere
        if lines.any(is_begin) {
            return Err(SignerError::OneBlock { found: 2 });
        }
        let (headers, body) = inside
            .iter()
            .position(|line| line.is_empty())
            .map_or((&inside[..], &[][..]), |blank| (&inside[..blank], &inside[blank + 1..]));
        let about = headers.iter().find_map(|line| line.strip_prefix("DEK-Info:")).ok_or(SignerError::Structure)?;
        let (name, iv) = about.trim().split_once(',').ok_or(SignerError::Structure)?;
        let (cipher, key_length) = match name {
            "AES-128-CBC" => (&AES_128, 16),
            "AES-192-CBC" => (&AES_192, 24),
            "AES-256-CBC" => (&AES_256, 32),
            other => return Err(SignerError::LegacyCipher { cipher: other.to_owned() }),
        };
        let iv = hex::decode(iv).ok().and_then(|iv| iv.try_into().ok()).ok_or(SignerError::Structure)?;
        // the rest is PEM as it is today
        let bare = format!("{begin}\n{}\n{end}\n", body.join("\n"));
        let encrypted = pem::read(bare.as_bytes())?.swap_remove(0).der.to_vec();
        Ok(Some(Self { cipher, key_length, iv, encrypted }))
    }

    /// Decrypts it: a key in the form of its own kind.
    ///
    /// # Errors
    /// The passphrase is wrong.
    pub(super) fn decrypt(&self, secret: &Secret) -> Result<Zeroizing<Vec<u8>>, SignerError> {
        let wrong = |_| SignerError::PassphraseWrong;
        let key = derive(secret.expose(), &self.iv[..8], self.key_length);
        let key =
            UnboundCipherKey::new(self.cipher, &key).and_then(PaddedBlockDecryptingKey::cbc_pkcs7).map_err(wrong)?;
        let mut content = Zeroizing::new(self.encrypted.clone());
        let context = DecryptionContext::Iv128(FixedLength::from(self.iv));
        let length = key.decrypt(&mut content, context).map_err(wrong)?.len();
        content.truncate(length);
        Ok(content)
    }
}

fn is_begin(line: &str) -> bool {
    line.starts_with("-----BEGIN ") && line.ends_with(" PRIVATE KEY-----")
}

/// `EVP_BytesToKey` of OpenSSL with MD5 and one round: each digest is over the one before, the passphrase and the salt.
fn derive(passphrase: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(48));
    let mut digest: [u8; 16] = [0; 16];
    while key.len() < length {
        let mut hash = Md5::new();
        if !key.is_empty() {
            hash.update(digest);
        }
        hash.update(passphrase);
        hash.update(salt);
        digest = hash.finalize().into();
        key.extend_from_slice(&digest);
    }
    digest.zeroize();
    key.truncate(length);
    key
}
