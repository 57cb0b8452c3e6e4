//! Layer 7: decode, batch, shuffle, shard over ranks, resume.
//!
//! The global order of an epoch is a function of the samples' ids, the seed and the epoch alone. A step of all ranks
//! takes the next `batch_size * world_size` positions of it, and rank r those at r, r + world_size, … of them. So a
//! position in the order is all that a checkpoint needs, and it may go on with another number of ranks.

mod batch;
mod order;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Result};

pub use batch::{Batch, CameraBatch, WarpBatch};
use batch::{Made, Recipe};
use order::{fingerprint, order};

/// Cells a side that a grid may have.
const MOST_CELLS: usize = 1 << 14;

/// How batches are made.
#[derive(Debug, Clone)]
pub struct LoaderConfig {
    /// Samples in a batch of one rank.
    pub batch_size: usize,
    /// Height and width that pictures are resized to; as stored without it.
    pub image_size: Option<(u32, u32)>,
    /// Makes the order, with the epoch.
    pub seed: u64,
    /// Which of the ranks this is, from 0.
    pub rank: usize,
    /// How many ranks share the data set.
    pub world_size: usize,
    /// Camera channels to decode; all without it.
    pub cameras: Option<Vec<String>>,
    /// Whether each epoch has an order of its own, instead of that of the view.
    pub shuffle: bool,
    /// Whether to leave out the samples at an epoch's end that do not fill a batch of every rank.
    pub drop_last: bool,
    /// Whether to draw bird's-eye rasters.
    pub with_bev: bool,
    /// Camera channels whose references are warped into their pictures.
    pub warp: Channels,
    /// Rows and columns of ray maps; none without it.
    pub rays: Option<[usize; 2]>,
    /// Rows and columns of loss weights; none without it.
    pub loss_weight: Option<[usize; 2]>,
    /// Whether to leave out samples that cannot be read, and count them, instead of failing.
    pub skip_broken: bool,
}

/// Some of the camera channels of a loader.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Channels {
    /// None.
    #[default]
    None,
    /// All that the loader has.
    All,
    /// These, also where the loader does not decode them.
    These(Vec<String>),
}

/// Where a loader stands: the same for all ranks after the same number of steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoaderState {
    /// The seed of the order.
    pub seed: u64,
    /// The epoch, from 0.
    pub epoch: u64,
    /// How many samples of the epoch's order all ranks together have taken.
    pub position: usize,
    /// Whether the order is shuffled.
    pub shuffle: bool,
    /// How many samples an epoch has.
    pub samples: usize,
    /// blake3 over the samples' ids, hex.
    pub fingerprint: String,
}

/// Gives the batches of one rank, epoch after epoch; makes the next one while the caller works on the last.
#[derive(Debug)]
pub struct Loader {
    data: Arc<Dataset>,
    rows: Arc<[usize]>,
    config: LoaderConfig,
    recipe: Arc<Recipe>,
    epoch: u64,
    position: usize,
    /// The order of `epoch`, once asked for.
    order: Option<Arc<[usize]>>,
    ahead: Option<Ahead>,
    skipped: BTreeMap<String, String>,
}

/// A batch that is being made.
#[derive(Debug)]
struct Ahead {
    position: usize,
    made: Receiver<Result<Made>>,
}

impl Loader {
    /// A loader over some rows of the `samples` table.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where sizes are 0, the rank is none of the ranks or a camera is none of the data set's.
    pub fn new(data: Arc<Dataset>, rows: Arc<[usize]>, config: LoaderConfig) -> Result<Loader> {
        let wrong = |reason: &str| Err(ErrorKind::Config(reason.to_string()).bare());
        if config.batch_size == 0 || config.world_size == 0 || config.image_size.is_some_and(|(h, w)| h * w == 0) {
            return wrong("`batch_size`, `world_size` and `image_size` are at least 1");
        }
        if config.rank >= config.world_size {
            return wrong("`rank` is from 0 to `world_size` - 1");
        }
        let sides = config.rays.iter().chain(&config.loss_weight).flatten();
        if sides.into_iter().any(|side| !(1..=MOST_CELLS).contains(side)) {
            return wrong("grids of `rays` and `loss_weight` have 1 to 16384 rows and columns");
        }
        let recipe = Arc::new(Recipe::new(&data, &rows, &config)?);
        let (epoch, position) = (0, 0);
        Ok(Loader { data, rows, config, recipe, epoch, position, order: None, ahead: None, skipped: BTreeMap::new() })
    }

    /// How many batches this rank gets in a whole epoch.
    pub fn batches(&self) -> usize {
        let step = self.step();
        let rest = self.rows.len() % step;
        self.rows.len() / step + usize::from(!self.config.drop_last && rest > self.config.rank)
    }

    /// The epoch, from 0: that of the next batch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Samples that could not be read, and why.
    pub fn skipped(&self) -> &BTreeMap<String, String> {
        &self.skipped
    }

    /// Camera channels of the batches.
    pub fn cameras(&self) -> &[String] {
        &self.recipe.cameras
    }

    /// Where it stands.
    pub fn state(&self) -> LoaderState {
        LoaderState {
            seed: self.config.seed,
            epoch: self.epoch,
            position: self.position,
            shuffle: self.config.shuffle,
            samples: self.rows.len(),
            fingerprint: fingerprint(&self.data, &self.rows),
        }
    }

    /// Goes on where a loader of the same samples stood, whatever its batch size and number of ranks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where the state is one of other samples.
    pub fn set_state(&mut self, state: &LoaderState) -> Result<()> {
        let here = self.state();
        if (state.samples, &state.fingerprint) != (here.samples, &here.fingerprint) || state.position > state.samples {
            let reason =
                "the state is that of other samples: load the data set and make the query that it was taken of";
            return Err(ErrorKind::Config(reason.to_string()).bare());
        }
        self.config.seed = state.seed;
        self.config.shuffle = state.shuffle;
        self.move_to(state.epoch, state.position);
        Ok(())
    }

    /// The next batch of this epoch; `None` at its end, and then goes on with the next epoch.
    ///
    /// # Errors
    ///
    /// Whatever a sample's media, poses or map refuse, unless such samples are skipped; the loader stays where it is.
    pub fn next_batch(&mut self) -> Result<Option<Batch>> {
        loop {
            let Some(mine) = self.mine(self.position) else {
                self.move_to(self.epoch + 1, 0);
                return Ok(None);
            };
            let made = match self.ahead.take().filter(|ahead| ahead.position == self.position) {
                Some(ahead) => ahead.made.recv().unwrap_or_else(|_| self.recipe.make(&self.data, &mine)),
                None => self.recipe.make(&self.data, &mine),
            }?;
            self.position = (self.position + self.step()).min(self.rows.len());
            self.skipped.extend(made.skipped);
            self.look_ahead();
            if !made.batch.samples.is_empty() {
                return Ok(Some(made.batch));
            }
        }
    }

    /// Samples that all ranks together take in a step.
    fn step(&self) -> usize {
        self.config.batch_size * self.config.world_size
    }

    fn move_to(&mut self, epoch: u64, position: usize) {
        (self.epoch, self.position) = (epoch, position);
        (self.order, self.ahead) = (None, None);
    }

    /// The rows of this rank in the step at a position; `None` where the epoch has none.
    fn mine(&mut self, position: usize) -> Option<Vec<usize>> {
        let end = position + self.step();
        if self.config.drop_last && end > self.rows.len() {
            return None;
        }
        let (data, rows, config, epoch) = (&self.data, &self.rows, &self.config, self.epoch);
        let order = self.order.get_or_insert_with(|| match config.shuffle {
            true => order(data, rows, config.seed, epoch),
            false => Arc::clone(rows),
        });
        let step = order.get(position..end.min(order.len()))?;
        let mine: Vec<usize> = step.iter().copied().skip(config.rank).step_by(config.world_size).collect();
        (!mine.is_empty()).then_some(mine)
    }

    /// Starts to make the next batch of the epoch.
    fn look_ahead(&mut self) {
        let position = self.position;
        let Some(mine) = self.mine(position) else { return };
        let (sender, made) = sync_channel(1);
        let (data, recipe) = (Arc::clone(&self.data), Arc::clone(&self.recipe));
        rayon::spawn(move || {
            // A panic would end the program here; the one who waits makes the batch again and sees it.
            if let Ok(made) = catch_unwind(AssertUnwindSafe(|| recipe.make(&data, &mine))) {
                // Nobody waits for it where the loader was moved or dropped meanwhile.
                let _ = sender.send(made);
            }
        });
        self.ahead = Some(Ahead { position, made });
    }
}
