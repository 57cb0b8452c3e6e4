//! Rendered pictures and their depth, a batch at a time.

use rayon::prelude::*;

use crate::coord::{Camera, CameraIntrinsics, Pose};
use crate::error::{ErrorKind, Result};
use crate::synth::raster::Renderer;

use super::files::{Folder, depth_png, jpeg, mask_png};
use super::{Watch, WorldSummary};

/// One picture to take.
pub(super) struct Shot {
    /// Name of the file, without its ending.
    pub stem: String,
    /// `town_se3_camera`.
    pub pose: Pose,
    /// What is written beside it.
    pub beside: Beside,
}

/// What is written beside a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    /// Nothing.
    Nothing,
    /// Its depth as truth, which no build reads.
    Truth,
    /// Its depth, and a mask of what will have moved on another day, in the recording itself.
    Recording,
}

/// Pictures that are rendered side by side.
const BATCH: usize = 16;

/// Renders a channel's pictures into `RECORDING/images/CHANNEL`, and what belongs to them: depth into
/// `truth/NAME/depth/CHANNEL`, or depth and masks into `RECORDING/depth/CHANNEL` and `RECORDING/masks/CHANNEL`.
///
/// # Errors
///
/// Where a file cannot be written, or the watch says stop.
pub(super) fn take(
    folder: &Folder,
    (recording, channel): (&str, &str),
    renderer: &Renderer,
    (intrinsics, quality): (&CameraIntrinsics, u8),
    shots: &[Shot],
    watch: &Watch<'_>,
    summary: &mut WorldSummary,
) -> Result<()> {
    let camera = Camera::new(intrinsics).map_err(|e| ErrorKind::Damaged(e.to_string()).bare())?;
    let name = recording.rsplit('/').next().unwrap_or(recording);
    for batch in shots.chunks(BATCH) {
        watch.check()?;
        let done: Vec<Result<()>> = batch
            .par_iter()
            .map(|shot| {
                let picture = renderer.render(&camera, &shot.pose);
                let stem = &shot.stem;
                folder.write(&format!("{recording}/images/{channel}/{stem}.jpg"), &jpeg(&picture.rgb, quality)?)?;
                let base = match shot.beside {
                    Beside::Nothing => return Ok(()),
                    Beside::Truth => format!("truth/{name}"),
                    Beside::Recording => recording.to_string(),
                };
                folder.write(&format!("{base}/depth/{channel}/{stem}.png"), &depth_png(&picture.depth)?)?;
                if shot.beside == Beside::Recording {
                    folder.write(&format!("{base}/masks/{channel}/{stem}.png"), &mask_png(&picture.parked)?)?;
                }
                Ok(())
            })
            .collect();
        done.into_iter().collect::<Result<()>>()?;
    }
    summary.pictures += shots.len() as u64;
    Ok(())
}
