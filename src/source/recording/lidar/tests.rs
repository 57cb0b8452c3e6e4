//! What holds for every point format: headers agree with points, and damaged bytes end in an error.

use std::io::Cursor;

use polars::prelude::*;
use proptest::prelude::*;

use super::*;

/// A small valid file of each kind, with its points.
fn examples() -> Vec<(FrameFormat, Vec<u8>, u64)> {
    let mut all = Vec::new();
    let pcd = |data: &str| {
        format!("VERSION 0.7\nFIELDS x y z intensity\nSIZE 4 4 4 1\nTYPE F F F U\nWIDTH 3\nHEIGHT 1\nDATA {data}\n")
            .into_bytes()
    };
    let mut ascii = pcd("ascii");
    ascii.extend_from_slice(b"1 2 3 4\n5 6 7 8\nnan nan nan 0\n");
    all.push((FrameFormat::Pcd, ascii, 3));
    let mut binary = pcd("binary");
    binary.extend((0..39).map(|v| v as u8));
    all.push((FrameFormat::Pcd, binary, 3));
    let mut packed = pcd("binary_compressed");
    // 4 literals, then 35 bytes from 4 back.
    let lzf = [3, 0, 0, 128, 63, 7 << 5, 35 - 2 - 7, 3];
    packed.extend_from_slice(&(lzf.len() as u32).to_le_bytes());
    packed.extend_from_slice(&39u32.to_le_bytes());
    packed.extend_from_slice(&lzf);
    all.push((FrameFormat::Pcd, packed, 3));
    let mut ply = b"ply\nformat binary_big_endian 1.0\nelement vertex 2\nproperty float x\nproperty float y\n\
                    property double z\nproperty list uchar short l\nend_header\n"
        .to_vec();
    for _ in 0..2 {
        ply.extend_from_slice(&[63, 128, 0, 0, 64, 0, 0, 0, 64, 8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 2]);
    }
    all.push((FrameFormat::Ply, ply, 2));
    all.push((FrameFormat::Bin, (0..48).collect(), 3));
    for compression in [None, Some(IpcCompression::LZ4), Some(IpcCompression::ZSTD(Default::default()))] {
        let mut frame = df!("x" => [1.0f32, 2.0], "y" => [3.0f64, 4.0], "z" => [Some(5i32), None], "ring" => [7u8, 9])
            .expect("columns of one length");
        let mut bytes = Vec::new();
        IpcWriter::new(&mut bytes).with_compression(compression).finish(&mut frame).expect("writes to memory");
        all.push((FrameFormat::Feather, bytes, 2));
    }
    for compressed in [false, true] {
        let mut builder = ::las::Builder::from((1, 2));
        builder.point_format = ::las::point::Format::new(3).expect("a known format");
        builder.point_format.is_compressed = compressed;
        let header = builder.into_header().expect("a valid header");
        let mut writer = ::las::Writer::new(Cursor::new(Vec::new()), header).expect("writes to memory");
        for i in 0..5 {
            let point = ::las::Point {
                x: f64::from(i),
                gps_time: Some(f64::from(i)),
                color: Some(::las::Color::new(9, 8, 7)),
                ..Default::default()
            };
            writer.write_point(point).expect("writes to memory");
        }
        let bytes = writer.into_inner().expect("writes to memory").into_inner();
        all.push((if compressed { FrameFormat::Laz } else { FrameFormat::Las }, bytes, 5));
    }
    all
}

#[test]
fn the_header_names_as_many_points_as_are_read() {
    let limits = Limits::default();
    for (format, bytes, points) in examples() {
        let header = header(&mut Cursor::new(&bytes), format, &limits).expect("a valid example");
        let cloud = read_points(&bytes, format, &limits).expect("a valid example");
        assert_eq!((header.points, cloud.len() as u64), (points, points), "{format:?}");
    }
}

#[test]
fn more_points_than_the_limit_are_refused() {
    let limits = Limits { points: 1, ..Limits::default() };
    for (format, bytes, points) in examples() {
        assert!(points > 1);
        let refused = read_points(&bytes, format, &limits);
        assert!(matches!(refused, Err(ErrorKind::LimitExceeded { limit: 1, .. })), "{format:?}: {refused:?}");
        assert!(header(&mut Cursor::new(&bytes), format, &limits).is_err());
    }
}

#[test]
fn a_file_cut_short_is_refused() {
    let limits = Limits::default();
    for (format, bytes, _) in examples() {
        // A point less, or in the middle of the headers. (A `.bin` may lose whole points unnoticed.)
        for keep in [bytes.len() / 3 + 1, bytes.len() - 9] {
            assert!(read_points(&bytes[..keep], format, &limits).is_err(), "{format:?} cut to {keep}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Points above the limit are never allocated, and nothing panics, whatever bytes come.
    #[test]
    fn mutated_bytes_end_in_points_or_in_an_error(
        which in 0usize..10,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        keep in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let all = examples();
        let (format, mut bytes, _) = all[which % all.len()].clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(keep.index(bytes.len()));
        }
        let limits = Limits { points: 10_000, file_bytes: 1 << 20, inflated_bytes: 1 << 20, ..Limits::default() };
        let _ = header(&mut Cursor::new(&bytes), format, &limits);
        if let Ok(cloud) = read_points(&bytes, format, &limits) {
            prop_assert!(cloud.len() <= 10_000);
        }
    }
}
