//! The body of a batch: transactions, each after its length in four bytes, little-endian.

use bytes::Bytes;

/// Transactions of a body at most.
pub(crate) const MAX_TRANSACTIONS: usize = 4096;

/// Why a body is no batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FramesError {
    /// There is none.
    Empty,
    /// There are more than [`MAX_TRANSACTIONS`].
    TooMany,
    /// One is not all there.
    BreaksOff {
        /// Which, counted from 1.
        number: usize,
        /// The byte at which its length stands.
        at: usize,
        /// What is missing.
        what: String,
    },
}

/// The transactions of a body: slices of it, nothing is copied.
pub(crate) fn frames(body: &Bytes) -> Result<Vec<Bytes>, FramesError> {
    let mut frames = Vec::with_capacity((body.len() / 128).min(MAX_TRANSACTIONS));
    let mut at = 0;
    while at < body.len() {
        if frames.len() == MAX_TRANSACTIONS {
            return Err(FramesError::TooMany);
        }
        let number = frames.len() + 1;
        let broken = |what: String| FramesError::BreaksOff { number, at, what };
        let length = body[at..].first_chunk();
        let length = length.ok_or_else(|| broken("the length of four bytes breaks off".to_owned()))?;
        let (start, length) = (at + 4, u32::from_le_bytes(*length) as usize);
        let end = start.checked_add(length).filter(|end| *end <= body.len());
        let end = end.ok_or_else(|| {
            broken(format!("{length} bytes should follow, there are {}", body.len() - start))
        })?;
        frames.push(body.slice(start..end));
        at = end;
    }
    if frames.is_empty() { Err(FramesError::Empty) } else { Ok(frames) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart_and_faults_have_a_place() {
        let body = Bytes::from_static(&[2, 0, 0, 0, 7, 8, 0, 0, 0, 0, 1, 0, 0, 0, 9]);
        assert_eq!(frames(&body).unwrap(), [&[7, 8][..], &[], &[9]]);
        for end in 0..body.len() {
            match frames(&body.slice(..end)) {
                Ok(whole) => assert!([6, 10].contains(&end), "{end}: {whole:?}"),
                Err(FramesError::Empty) => assert_eq!(end, 0),
                Err(error) => assert!(matches!(error, FramesError::BreaksOff { at, .. } if at < end)),
            }
        }
        let cut = frames(&body.slice(..14)).unwrap_err();
        let what = "1 bytes should follow, there are 0".to_owned();
        assert_eq!(cut, FramesError::BreaksOff { number: 3, at: 10, what });
        let endless = Bytes::from_static(&[255, 255, 255, 255, 1]);
        assert!(matches!(frames(&endless), Err(FramesError::BreaksOff { number: 1, at: 0, .. })));
        let many = Bytes::from(vec![0; 4 * (MAX_TRANSACTIONS + 1)]);
        assert_eq!(frames(&many), Err(FramesError::TooMany));
    }
}
