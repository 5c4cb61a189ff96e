//! What a run has used: time, processor time, memory.

use std::time::Instant;

use serde::Serialize;

/// Figures of this process.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Resources {
    /// Seconds on the wall.
    pub wall_seconds: f64,
    /// Processor seconds, user and system; absent where the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<f64>,
    /// The largest resident memory, in bytes; absent where the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

impl Resources {
    /// Figures since `start`.
    pub fn since(start: Instant) -> Resources {
        Resources {
            wall_seconds: start.elapsed().as_secs_f64(),
            cpu_seconds: cpu_seconds(),
            peak_memory_bytes: peak_memory(),
        }
    }
}

/// Processor seconds of this process, user and system. proc(5): fields 14 and 15 of /proc/self/stat, in ticks of 1/100 s.
pub fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name in parentheses, which may hold spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks as f64 / 100.0)
}

/// The largest resident memory of this process, in bytes. proc(5): `VmHWM` of /proc/self/status, in kB.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
