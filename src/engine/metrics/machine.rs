//! Metrics of the process and of the disk that holds the data folder.

use std::fmt::Error;
use std::path::PathBuf;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Unit;
use rustix::fs::statvfs;

use super::encode::single;
use super::process_memory;

/// Reads one small file and the size of a file system at each scrape.
#[derive(Debug)]
pub struct MachineCollector {
    /// The data folder.
    pub folder: PathBuf,
    pub started: Timestamp,
}

impl Collector for MachineCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        single(
            &mut encoder,
            "flowtrigger_build",
            "The version of this daemon",
            None,
            &Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        )?;
        single(
            &mut encoder,
            "process_start_time",
            "When this daemon started",
            Some(&Unit::Seconds),
            &ConstGauge::new(self.started.as_microsecond() as f64 / 1e6),
        )?;
        let memory = process_memory::resident();
        let disk = statvfs(&self.folder).ok();
        let bytes = |blocks: u64, disk: &rustix::fs::StatVfs| blocks.saturating_mul(disk.f_frsize);
        let sizes = [
            (
                "process_resident_memory",
                "Resident memory of this daemon",
                memory,
            ),
            (
                "flowtrigger_data_disk_size",
                "Size of the disk that holds the data folder",
                disk.as_ref().map(|disk| bytes(disk.f_blocks, disk)),
            ),
            (
                "flowtrigger_data_disk_available",
                "Space on that disk that this daemon may still use",
                disk.as_ref().map(|disk| bytes(disk.f_bavail, disk)),
            ),
        ];
        for (name, help, size) in sizes {
            // What this system does not report is left out.
            let Some(size) = size else { continue };
            single(
                &mut encoder,
                name,
                help,
                Some(&Unit::Bytes),
                &ConstGauge::new(size as f64),
            )?;
        }
        Ok(())
    }
}
