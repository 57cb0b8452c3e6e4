//! Rendered pictures and their depth, a batch at a time.

use rayon::prelude::*;

use crate::coord::{Camera, CameraIntrinsics, Pose};
use crate::error::{ErrorKind, Result};
use crate::synth::raster::Renderer;

use super::files::{Folder, depth_png, jpeg};
use super::{Watch, WorldSummary};

/// One picture to take.
pub(super) struct Shot {
    /// Name of the file, without its ending.
    pub stem: String,
    /// `town_se3_camera`.
    pub pose: Pose,
    /// Whether its depth is kept.
    pub with_depth: bool,
}

/// Pictures that are rendered side by side.
const BATCH: usize = 16;

/// Renders a channel's pictures into `RECORDING/images/CHANNEL` and their depth into `truth/NAME/depth/CHANNEL`.
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
                folder
                    .write(&format!("{recording}/images/{channel}/{}.jpg", shot.stem), &jpeg(&picture.rgb, quality)?)?;
                if shot.with_depth {
                    let path = format!("truth/{name}/depth/{channel}/{}.png", shot.stem);
                    folder.write(&path, &depth_png(&picture.depth)?)?;
                }
                Ok(())
            })
            .collect();
        done.into_iter().collect::<Result<()>>()?;
    }
    summary.pictures += shots.len() as u64;
    Ok(())
}
