//! Point formats on real files, against numbers from laspy, numpy and pyarrow.

#![allow(clippy::print_stdout)] // a skipped test says so

use std::fs;
use std::path::PathBuf;

use worldloom::record::{FrameFormat, PointCloud};
use worldloom::source::Limits;
use worldloom::source::recording::lidar::{header, read_points};

/// The folder of real data, or a line that says what is skipped.
fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("WORLDLOOM_DATA").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: WORLDLOOM_DATA does not name the folder of real data");
    }
    folder
}

/// Reads a file both ways and holds header and points against each other.
fn read(path: PathBuf) -> PointCloud {
    let extension = path.extension().and_then(|e| e.to_str()).expect("an ending");
    let format = FrameFormat::from_extension(extension).expect("a known ending");
    let bytes = fs::read(&path).expect("the file is there");
    let limits = Limits::default();
    let head = header(&mut fs::File::open(&path).expect("the file is there"), format, &limits).expect("a header");
    let cloud = read_points(&bytes, format, &limits).expect("valid points");
    assert_eq!(head.points, cloud.len() as u64);
    cloud
}

/// Sums of x, y, z over all points.
fn sums(cloud: &PointCloud) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for i in 0..cloud.len() {
        let p = cloud.position(i).expect("within the cloud");
        for axis in 0..3 {
            sums[axis] += p[axis];
        }
    }
    sums
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= tolerance, "{found:?} is not {expected:?}");
    }
}

#[test]
fn las_and_laz_hold_the_same_points_as_laspy_reads() {
    let Some(data) = data() else { return };
    let las = read(data.join("autzen-lidar/autzen_trim.las"));
    assert_eq!(las, read(data.join("autzen-lidar/autzen_trim.laz")));
    assert_eq!(las.len(), 110_000);
    // laspy 2: points 0, 77777 and 109999; sums.
    for (i, xyz) in [
        (0, [637_177.98, 849_393.95, 411.19]),
        (77_777, [636_301.89, 849_187.70, 428.22]),
        (109_999, [636_037.88, 849_336.94, 423.20]),
    ] {
        assert_close(las.position(i).expect("there").as_slice(), &xyz, 1e-4);
    }
    // Less than the file's step of 0.01 feet per point.
    assert_close(&sums(&las), &[70_020_104_544.61, 93_406_036_431.28, 47_337_127.73], 1.0);
    let rgb = las.rgb.as_ref().expect("format 3 has colour");
    assert_eq!((rgb[0], rgb[77_777], rgb[109_999]), ([84, 102, 93], [100, 118, 93], [64, 74, 70]));
    let intensity = las.intensity.as_ref().expect("LAS has intensity");
    assert_eq!(intensity.iter().map(|v| f64::from(*v)).sum::<f64>(), 11_220_547.0);
    let classes = las.classification.as_ref().expect("LAS has classes");
    assert_eq!(classes.iter().map(|v| u64::from(*v)).sum::<u64>(), 136_107);
    // 6.5 seconds of flight are a survey, not a sweep.
    assert_eq!(las.offset_ns, None);
    assert_eq!(read(data.join("autzen-lidar/autzen-thin-srs.las")).len(), 10_653);
}

#[test]
fn a_laz_file_with_damaged_points_is_an_error() {
    let Some(data) = data() else { return };
    let good = fs::read(data.join("autzen-lidar/autzen_trim.laz")).expect("the file is there");
    let refused = |bytes: &[u8]| read_points(bytes, FrameFormat::Laz, &Limits::default()).is_err();
    assert!(refused(&good[..good.len() / 2]));
    assert!(refused(&good[..400]));
    let mut chunks = good.clone();
    // The offset of the chunk table points to the header.
    let start = u32::from_le_bytes([good[96], good[97], good[98], good[99]]) as usize;
    chunks[start..start + 8].copy_from_slice(&8i64.to_le_bytes());
    assert!(refused(&chunks));
}

#[test]
fn a_kitti_bin_is_read_as_numpy_reads_it() {
    let Some(data) = data() else { return };
    let cloud = read(data.join("kitti-000008/velodyne/000008.bin"));
    assert_eq!(cloud.len(), 17_238);
    assert_eq!(cloud.xyz[0], [21.554, 0.028, 0.938]);
    assert_close(&sums(&cloud), &[231_568.202_035_903_9, -23_239.347_028_494_6, -12_692.375_997_295_5], 1e-6);
    let intensity = cloud.intensity.expect("reflectance");
    assert_close(&[intensity.iter().map(|v| f64::from(*v)).sum()], &[4_424.820_007_804_8], 1e-6);
}

#[test]
fn an_argoverse_sweep_is_read_as_pyarrow_reads_it() {
    let Some(data) = data() else { return };
    let folder = data.join("av2-pit-7fab2350/7fab2350-7eaf-3b7e-a39d-6937a4c1bede/sensors/lidar");
    let cloud = read(folder.join("315966265259836000.feather"));
    assert_eq!(cloud.len(), 99_229);
    assert_eq!(cloud.xyz[0], [-1.537_109_4, 3.060_546_9, -0.322_509_77]);
    assert_close(&sums(&cloud), &[363_996.044_596_433_6, 76_141.510_710_477_8, 178_990.439_837_575], 1e-6);
    let intensity = cloud.intensity.expect("intensity");
    assert_eq!(intensity.iter().map(|v| f64::from(*v)).sum::<f64>(), 2_171_971.0);
    assert_eq!(cloud.ring.expect("laser_number").iter().map(|v| u64::from(*v)).sum::<u64>(), 3_054_142);
    let offsets = cloud.offset_ns.expect("offset_ns");
    assert_eq!(offsets.iter().map(|v| i64::from(*v)).sum::<i64>(), 5_376_765_057_174);
    assert_eq!((cloud.start_ns, offsets.iter().max()), (0, Some(&106_085_816)));
    assert_eq!(read(folder.join("315966265360032000.feather")).len(), 99_466);
}

#[test]
fn pcd_ascii_and_compressed_are_read_as_numpy_reads_them() {
    let Some(data) = data() else { return };
    let folder = data.join("pjlab-camera-lidar");
    let ascii = read(folder.join("pair-a/0.pcd"));
    assert_eq!(ascii.len(), 78_238);
    assert_close(&sums(&ascii), &[9_949.771_614_400_1, -28_923.729_636_321_4, -129_766.083_720_884_6], 0.05);
    let packed = read(folder.join("pair-b/calib.pcd"));
    assert_eq!((packed.len(), packed.xyz[0]), (85_546, [-4.526_553_6, -10.162_276, -1.575_421_6]));
    assert_close(&sums(&packed), &[9_116.767_559_770_7, -338_911.088_620_683_6, -105_310.046_351_932_5], 1e-6);
    let ring = packed.ring.expect("ring");
    assert_eq!((ring[0], ring.iter().max()), (8, Some(&63)));
    // Absolute seconds: 1605333546.7827358 … 1605333546.882802.
    let offsets = packed.offset_ns.expect("timestamp");
    assert!((packed.start_ns - 1_605_333_546_782_735_800).abs() < 300);
    assert!((i64::from(*offsets.iter().max().expect("points")) - 100_066_200).abs() < 300);
}
