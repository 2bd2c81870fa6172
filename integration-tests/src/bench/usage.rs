//! What processes used, read from `/proc`.

use std::fs;

use anyhow::Context as _;

/// CPU time and memory of one process so far.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub struct Usage {
    /// User and system time, seconds.
    pub cpu_seconds: f64,
    /// Resident memory, mebibytes.
    pub resident_mib: f64,
}

/// Clock ticks a second in `/proc/<pid>/stat`: 100 on every Linux that this runs on (proc(5), `sysconf(_SC_CLK_TCK)`).
const TICKS_PER_SECOND: f64 = 100.0;

impl Usage {
    /// Of a process that runs now.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the process's stat")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the process's status")?;
        Self::parse(&stat, &status).context("an unknown form of /proc")
    }

    fn parse(stat: &str, status: &str) -> Option<Self> {
        // The second field is the program's name in brackets and may hold spaces.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: f64 = resident.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(Self {
            cpu_seconds: ticks / TICKS_PER_SECOND,
            resident_mib: kib / 1024.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn fields_are_counted_behind_the_name_whatever_it_holds() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 5 0 100 0 0";
        let usage = Usage::parse(stat, "Name:\tx\nVmRSS:\t   2048 kB\n").unwrap();
        assert!((usage.cpu_seconds - 3.0).abs() < 1e-9 && (usage.resident_mib - 2.0).abs() < 1e-9);
        assert!(Usage::parse("7 (a", "").is_none());
        assert!(Usage::of(std::process::id()).unwrap().resident_mib > 0.1);
    }
}
