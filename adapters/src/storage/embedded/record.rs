//! The metadata of an object and how they stand behind its content: `content | record | footer`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

const MAGIC: &[u8; 8] = b"S3OBJ\0\0\x01";
/// Magic (8), record length (8, little endian), SHA-256 of the record (32).
const FOOTER: usize = 48;
const MAX_RECORD: u64 = 64 * 1024;

/// Everything that is known about an object but its content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) key: String,
    /// Empty when the writer gave none.
    pub(super) content_type: String,
    pub(super) user: BTreeMap<String, String>,
    /// Bytes of content.
    pub(super) size: u64,
    /// Without quotes: MD5 in hex, or `<MD5 of the parts' MD5s>-<parts>`.
    pub(super) etag: String,
    pub(super) sha256: [u8; 32],
    /// Milliseconds since the Unix epoch.
    pub(super) modified_ms: u64,
    /// The multipart upload that made this object, else empty.
    pub(super) upload_id: String,
}

impl Meta {
    pub(super) fn modified(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.modified_ms)
    }

    /// The record with its footer, to be appended to the content.
    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        let (size, modified) = (self.size.to_le_bytes(), self.modified_ms.to_le_bytes());
        let texts = [&self.key, &self.content_type, &self.etag, &self.upload_id];
        let fixed = texts.into_iter().map(String::as_bytes).chain([
            &self.sha256[..],
            &size[..],
            &modified[..],
        ]);
        let user = self.user.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
        let mut record = Vec::new();
        for field in fixed.chain(user) {
            let length = u32::try_from(field.len()).map_err(io::Error::other)?;
            record.extend_from_slice(&length.to_le_bytes());
            record.extend_from_slice(field);
        }
        if record.len() as u64 > MAX_RECORD {
            return Err(io::Error::new(ErrorKind::InvalidInput, "object metadata exceed 64 KiB"));
        }
        let (length, digest) = ((record.len() as u64).to_le_bytes(), Sha256::digest(&record));
        record.extend_from_slice(MAGIC);
        record.extend_from_slice(&length);
        record.extend_from_slice(&digest);
        Ok(record)
    }

    fn decode(mut record: &[u8]) -> Option<Self> {
        let mut fields = Vec::new();
        while let Some((length, rest)) = record.split_first_chunk::<4>() {
            let (field, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            fields.push(field);
            record = rest;
        }
        let [key, content_type, etag, upload_id, sha256, size, modified, user @ ..] = &fields[..]
        else {
            return None;
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let mut pairs = BTreeMap::new();
        for pair in user.chunks(2) {
            pairs.insert(text(pair.first()?)?, text(pair.get(1)?)?);
        }
        Some(Self {
            key: text(key)?,
            content_type: text(content_type)?,
            user: pairs,
            size: u64::from_le_bytes((*size).try_into().ok()?),
            etag: text(etag)?,
            sha256: (*sha256).try_into().ok()?,
            modified_ms: u64::from_le_bytes((*modified).try_into().ok()?),
            upload_id: text(upload_id)?,
        })
    }
}

/// Opens a file of this format, checks its record, and leaves it at the start of its content.
pub(super) fn read(path: &Path) -> io::Result<(File, Meta)> {
    let invalid = |what: &str| io::Error::new(ErrorKind::InvalidData, what.to_owned());
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let end = length.checked_sub(FOOTER as u64).ok_or_else(|| invalid("object file too short"))?;
    let mut footer = [0; FOOTER];
    file.seek(SeekFrom::Start(end))?;
    file.read_exact(&mut footer)?;
    let (magic, rest) = footer.split_at(MAGIC.len());
    let (record_length, digest) = rest.split_at(8);
    let record_length = record_length.try_into().map_or(u64::MAX, u64::from_le_bytes);
    let content = end.checked_sub(record_length).filter(|_| record_length <= MAX_RECORD);
    let content = content.filter(|_| magic == MAGIC).ok_or_else(|| invalid("bad object footer"))?;
    let mut record = vec![0; usize::try_from(record_length).map_err(io::Error::other)?];
    file.seek(SeekFrom::Start(content))?;
    file.read_exact(&mut record)?;
    let meta = Meta::decode(&record)
        .filter(|meta| meta.size == content && Sha256::digest(&record)[..] == *digest)
        .ok_or_else(|| invalid("bad object record"))?;
    file.seek(SeekFrom::Start(0))?;
    Ok((file, meta))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_and_damage_is_seen() -> io::Result<()> {
        let user =
            BTreeMap::from([("a".to_owned(), String::new()), ("b".to_owned(), "é".to_owned())]);
        let meta = Meta { key: "../k".to_owned(), user, size: 5, ..Meta::default() };
        let file = tempfile::NamedTempFile::new()?;
        let mut whole = b"hello".to_vec();
        whole.extend(meta.encode()?);
        std::fs::write(file.path(), &whole)?;
        assert_eq!(read(file.path())?.1, meta);
        for end in 0..whole.len() {
            std::fs::write(file.path(), &whole[..end])?;
            assert!(read(file.path()).is_err(), "cut to {end}");
        }
        for at in 5..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(file.path(), &damaged)?;
            assert!(read(file.path()).is_err(), "bit flipped at {at}");
        }
        Ok(())
    }
}
