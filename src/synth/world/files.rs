//! [`Folder`]: writes the files of a world and counts their bytes.

use std::fmt::Write as _;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use ndarray::{Array2, Array3};
use polars::prelude::{DataFrame, IntoColumn, IpcCompression, IpcWriter, NamedFrom, SerWriter, Series};

use crate::error::{ErrorKind, Result};
use crate::record::PointCloud;

/// A folder that is being filled.
pub(super) struct Folder {
    root: PathBuf,
    bytes: AtomicU64,
}

impl Folder {
    /// Creates the folder.
    pub(super) fn create(root: &Path) -> Result<Folder> {
        fs::create_dir_all(root).map_err(|e| ErrorKind::io("create", e).in_file(root))?;
        Ok(Folder { root: root.to_path_buf(), bytes: AtomicU64::new(0) })
    }

    /// Bytes written so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Writes a file, with the folders above it.
    pub(super) fn write(&self, relative: &str, bytes: &[u8]) -> Result<()> {
        let path = self.root.join(relative);
        if let Some(above) = path.parent() {
            fs::create_dir_all(above).map_err(|e| ErrorKind::io("create", e).in_file(above))?;
        }
        fs::write(&path, bytes).map_err(|e| ErrorKind::io("write", e).in_file(&path))?;
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Writes a table of lines that are ready under its header.
    pub(super) fn csv(&self, relative: &str, header: &str, lines: impl IntoIterator<Item = String>) -> Result<()> {
        let mut text = format!("{header}\n");
        for line in lines {
            let _ = writeln!(text, "{line}");
        }
        self.write(relative, text.as_bytes())
    }
}

/// A JPEG of an sRGB picture `(H, W, 3)`.
pub(super) fn jpeg(rgb: &Array3<u8>, quality: u8) -> Result<Vec<u8>> {
    let (height, width, _) = rgb.dim();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(&pixels(rgb), width as u32, height as u32, ExtendedColorType::Rgb8)
        .map_err(|e| ErrorKind::Damaged(format!("a rendered picture: {e}")).bare())?;
    Ok(bytes)
}

fn pixels(rgb: &Array3<u8>) -> Vec<u8> {
    rgb.iter().copied().collect()
}

/// A 16-bit PNG of depths `(H, W)` in metres: whole centimetres, 0 where there is no surface within 655.35 m.
pub(super) fn depth_png(depth: &Array2<f32>) -> Result<Vec<u8>> {
    let (height, width) = depth.dim();
    let centimetres = |m: &f32| {
        let cm = f64::from(*m) * 100.0;
        if (0.0..65_535.5).contains(&cm) { libm::round(cm) as u16 } else { 0 }
    };
    let bytes: Vec<u8> = depth.iter().flat_map(|m| centimetres(m).to_ne_bytes()).collect();
    png(&bytes, [width, height], ExtendedColorType::L16)
}

/// A grey PNG of a mask `(H, W)`: 255 where it is set, else 0.
pub(super) fn mask_png(mask: &Array2<bool>) -> Result<Vec<u8>> {
    let (height, width) = mask.dim();
    let bytes: Vec<u8> = mask.iter().map(|set| if *set { 255 } else { 0 }).collect();
    png(&bytes, [width, height], ExtendedColorType::L8)
}

fn png(bytes: &[u8], [width, height]: [usize; 2], colour: ExtendedColorType) -> Result<Vec<u8>> {
    let mut png = Cursor::new(Vec::new());
    PngEncoder::new_with_quality(&mut png, CompressionType::Best, FilterType::Adaptive)
        .write_image(bytes, width as u32, height as u32, colour)
        .map_err(|e| ErrorKind::Damaged(format!("a rendered picture: {e}")).bare())?;
    Ok(png.into_inner())
}

/// A sweep as Arrow IPC (feather): x, y, z in metres to 1/256 m, intensity, laser_number, offset_ns.
pub(super) fn feather(cloud: &PointCloud) -> Result<Vec<u8>> {
    let axis = |k: usize| cloud.xyz.iter().map(|p| (p[k] * 256.0).round() / 256.0).collect::<Vec<f32>>();
    let small = |values: &[f32]| values.iter().map(|&v| v as u8).collect::<Vec<u8>>();
    let rings: Vec<u8> = cloud.ring.iter().flatten().map(|&r| r as u8).collect();
    let columns = vec![
        Series::new("x".into(), axis(0)).into_column(),
        Series::new("y".into(), axis(1)).into_column(),
        Series::new("z".into(), axis(2)).into_column(),
        Series::new("intensity".into(), small(cloud.intensity.as_deref().unwrap_or_default())).into_column(),
        Series::new("laser_number".into(), rings).into_column(),
        Series::new("offset_ns".into(), cloud.offset_ns.clone().unwrap_or_default()).into_column(),
    ];
    let mut bytes = Vec::new();
    DataFrame::new(cloud.len(), columns)
        .and_then(|mut table| {
            IpcWriter::new(&mut bytes)
                .with_compression(Some(IpcCompression::ZSTD(Default::default())))
                .finish(&mut table)
        })
        .map_err(|e| ErrorKind::Damaged(format!("a sweep: {e}")).bare())?;
    Ok(bytes)
}
