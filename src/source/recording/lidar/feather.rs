//! Arrow IPC files of points, as Argoverse 2 writes them: half-precision x, y, z; intensity, laser_number, offset_ns.

use std::io::{Read, Seek};

use super::PointsHeader;
use super::columns::{Columns, Number, Role};
use crate::error::ErrorKind;
use crate::record::PointCloud;
use crate::source::Limits;
use crate::source::arrow_ipc::{self, Column};

/// What footer and batch heads say.
pub(super) fn header<R: Read + Seek>(reader: &mut R, limits: &Limits) -> Result<PointsHeader, ErrorKind> {
    let shape = arrow_ipc::shape(reader, limits)?;
    Ok(PointsHeader { points: shape.rows, fields: shape.columns })
}

/// Decodes a file.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<PointCloud, ErrorKind> {
    let table = arrow_ipc::read(bytes, limits)?;
    let mut columns = Columns::default();
    let mut wide = false;
    for (name, column, double) in table.columns() {
        let Some(role) = Role::of(name) else { continue };
        wide |= double && matches!(role, Role::Axis(_));
        match column {
            Column::Float(values) => values.iter().for_each(|v| columns.push(role, Number::Float(*v))),
            Column::Int(values) => values.iter().for_each(|v| columns.push(role, Number::Int(*v))),
            Column::Text(_) => {}
        }
    }
    columns.cloud("feather sweep", table.rows, wide)
}
