//! From rows to columns: [`Build`] makes a `DataFrame` of row structs, with nulls and nested types.

use polars::prelude::*;
use polars_arrow::array::{FixedSizeListArray, ListArray, PrimitiveArray};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::offset::Offsets;

use crate::coord::BBox;

/// Columns under construction over `rows`; a row that is `None` is null in every column.
///
/// The type of a column never depends on the rows, so that files without rows have the same schema.
pub(super) struct Build<'a, T> {
    rows: Vec<Option<&'a T>>,
    columns: Vec<Series>,
}

impl<'a, T> Build<'a, T> {
    /// Over a slice of rows.
    pub(super) fn new(rows: &'a [T]) -> Build<'a, T> {
        Build { rows: rows.iter().map(Some).collect(), columns: Vec::new() }
    }

    fn values<V>(&self, get: impl Fn(&'a T) -> Option<V>) -> impl Iterator<Item = Option<V>> {
        self.rows.iter().map(move |row| row.and_then(&get))
    }

    fn push(mut self, column: Series) -> Self {
        self.columns.push(column);
        self
    }

    /// Text.
    pub(super) fn text(self, name: &str, get: impl Fn(&'a T) -> Option<&'a str>) -> Self {
        let column = StringChunked::from_iter_options(name.into(), self.values(get)).into_series();
        self.push(column)
    }

    /// float64; what is not finite is null.
    pub(super) fn float(self, name: &str, get: impl Fn(&'a T) -> Option<f64>) -> Self {
        let finite = |row: &'a T| get(row).filter(|v| v.is_finite());
        let column = Float64Chunked::from_iter_options(name.into(), self.values(finite)).into_series();
        self.push(column)
    }

    /// int64.
    pub(super) fn long(self, name: &str, get: impl Fn(&'a T) -> Option<i64>) -> Self {
        let column = Int64Chunked::from_iter_options(name.into(), self.values(get)).into_series();
        self.push(column)
    }

    /// int32.
    pub(super) fn int(self, name: &str, get: impl Fn(&'a T) -> Option<i32>) -> Self {
        let column = Int32Chunked::from_iter_options(name.into(), self.values(get)).into_series();
        self.push(column)
    }

    /// Yes or no.
    pub(super) fn bool(self, name: &str, get: impl Fn(&'a T) -> Option<bool>) -> Self {
        let column = BooleanChunked::from_iter_options(name.into(), self.values(get)).into_series();
        self.push(column)
    }

    /// Bytes, e.g. WKB.
    pub(super) fn bytes(self, name: &str, get: impl Fn(&'a T) -> Option<Vec<u8>>) -> Self {
        let column = BinaryChunked::from_iter_options(name.into(), self.values(get)).into_series();
        self.push(column)
    }

    /// The `bbox` struct of GeoParquet's covering.
    pub(super) fn bbox(self, get: impl Fn(&'a T) -> Option<BBox>) -> PolarsResult<Self> {
        let boxes: Vec<Option<BBox>> = self.values(get).collect();
        let edge = |name: &str, edge: fn(&BBox) -> f64| {
            Float64Chunked::from_iter_options(name.into(), boxes.iter().map(|b| b.as_ref().map(edge))).into_series()
        };
        let edges =
            [edge("xmin", |b| b.xmin), edge("ymin", |b| b.ymin), edge("xmax", |b| b.xmax), edge("ymax", |b| b.ymax)];
        let column = structs("bbox", &edges, boxes.iter().map(Option::is_some).collect())?;
        Ok(self.push(column))
    }

    /// `x_m y_m z_m qw qx qy qz`, a column each.
    pub(super) fn pose(mut self, get: impl Fn(&'a T) -> Option<[f64; 7]>) -> Self {
        for (i, name) in ["x_m", "y_m", "z_m", "qw", "qx", "qy", "qz"].into_iter().enumerate() {
            self = self.float(name, |row| get(row).map(|pose| pose[i]));
        }
        self
    }

    /// A list of text.
    pub(super) fn texts(self, name: &str, get: impl Fn(&'a T) -> Option<&'a [String]>) -> PolarsResult<Self> {
        let all: Vec<_> = self.values(get).collect();
        let flat = all.iter().flatten().flat_map(|v| v.iter()).map(String::as_str);
        let items = StringChunked::from_iter_values("".into(), flat).into_series();
        let column = lists(name, all.iter().map(|v| v.map(<[String]>::len)), items)?;
        Ok(self.push(column))
    }

    /// A list of float64.
    pub(super) fn floats(self, name: &str, get: impl Fn(&'a T) -> Option<Vec<f64>>) -> PolarsResult<Self> {
        let all: Vec<_> = self.values(get).collect();
        let items = Float64Chunked::from_vec("".into(), all.iter().flatten().flatten().copied().collect());
        let column = lists(name, all.iter().map(|v| v.as_ref().map(Vec::len)), items.into_series())?;
        Ok(self.push(column))
    }

    /// A list of int64.
    pub(super) fn longs(self, name: &str, get: impl Fn(&'a T) -> Option<&'a [i64]>) -> PolarsResult<Self> {
        let all: Vec<_> = self.values(get).collect();
        let items = Int64Chunked::from_vec("".into(), all.iter().flatten().copied().flatten().copied().collect());
        let column = lists(name, all.iter().map(|v| v.map(<[i64]>::len)), items.into_series())?;
        Ok(self.push(column))
    }

    /// A list of `N` float32 each: shape (T, N).
    pub(super) fn vectors<const N: usize>(
        self,
        name: &str,
        get: impl Fn(&'a T) -> Option<&'a [[f32; N]]>,
    ) -> PolarsResult<Self> {
        let all: Vec<_> = self.values(get).collect();
        let flat: Vec<f32> = all.iter().flatten().flat_map(|v| v.iter().flatten()).copied().collect();
        let rows = flat.len() / N;
        let dtype = FixedSizeListArray::default_datatype(ArrowDataType::Float32, N);
        let array = FixedSizeListArray::try_new(dtype, rows, PrimitiveArray::from_vec(flat).boxed(), None)?;
        let items = Series::try_from((PlSmallStr::EMPTY, array.boxed()))?;
        let column = lists(name, all.iter().map(|v| v.map(<[_]>::len)), items)?;
        Ok(self.push(column))
    }

    /// A struct, built from what `get` gives.
    pub(super) fn group<U: 'a>(
        self,
        name: &str,
        get: impl Fn(&'a T) -> Option<&'a U>,
        fields: impl FnOnce(Build<'a, U>) -> PolarsResult<Build<'a, U>>,
    ) -> PolarsResult<Self> {
        let rows: Vec<Option<&'a U>> = self.values(get).collect();
        let validity = rows.iter().map(Option::is_some).collect();
        let inner = fields(Build { rows, columns: Vec::new() })?;
        let column = structs(name, &inner.columns, validity)?;
        Ok(self.push(column))
    }

    /// A list of structs, built from what `get` gives.
    pub(super) fn groups<U: 'a>(
        self,
        name: &str,
        get: impl Fn(&'a T) -> Option<&'a [U]>,
        fields: impl FnOnce(Build<'a, U>) -> PolarsResult<Build<'a, U>>,
    ) -> PolarsResult<Self> {
        let all: Vec<Option<&'a [U]>> = self.values(get).collect();
        let rows: Vec<Option<&'a U>> = all.iter().flatten().flat_map(|v| v.iter()).map(Some).collect();
        let validity = vec![true; rows.len()];
        let inner = fields(Build { rows, columns: Vec::new() })?;
        let items = structs("", &inner.columns, validity)?;
        let column = lists(name, all.iter().map(|v| v.map(<[U]>::len)), items)?;
        Ok(self.push(column))
    }

    /// The table.
    pub(super) fn finish(self) -> PolarsResult<DataFrame> {
        DataFrame::new(self.rows.len(), self.columns.into_iter().map(Column::from).collect())
    }
}

/// A struct column with nulls where `validity` is false.
fn structs(name: &str, fields: &[Series], validity: Vec<bool>) -> PolarsResult<Series> {
    let mut column = StructChunked::from_series(name.into(), validity.len(), fields.iter())?;
    if validity.contains(&false) {
        column = column.with_outer_validity(Some(Bitmap::from_iter(validity)));
    }
    Ok(column.into_series())
}

/// A list column that cuts `items` into lists of the given lengths; `None` is a null list.
fn lists(name: &str, lengths: impl Iterator<Item = Option<usize>>, items: Series) -> PolarsResult<Series> {
    let items = items.rechunk();
    let values = items.chunks().first().expect("a series has at least one chunk").clone();
    let mut offsets = Offsets::<i64>::new();
    let mut valid = Vec::new();
    for length in lengths {
        offsets.try_push(length.unwrap_or(0))?;
        valid.push(length.is_some());
    }
    let validity = valid.contains(&false).then(|| Bitmap::from_iter(valid));
    let dtype = ListArray::<i64>::default_datatype(values.dtype().clone());
    let array = ListArray::<i64>::try_new(dtype, offsets.into(), values, validity)?;
    Series::try_from((PlSmallStr::from_str(name), array.boxed()))
}
