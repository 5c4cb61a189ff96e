//! Figures in the manner of Hyperledger Caliper: Succ, Fail, Send Rate, Max, Min and Avg Latency, Throughput.

use serde::Serialize;

/// What a load came to. Latencies are in seconds, from the moment a batch is sent to the moment a client sees the block through the API.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Transactions that were seen final.
    pub succ: u64,
    /// Transactions that were refused, or acknowledged and not seen final.
    pub fail: u64,
    /// Transactions handed over, a second.
    pub send_rate: f64,
    /// The longest latency.
    pub max_latency: f64,
    /// The shortest latency.
    pub min_latency: f64,
    /// The mean latency.
    pub avg_latency: f64,
    /// Half of the transactions took at most this long.
    pub p50_latency: f64,
    /// Of a hundred transactions 99 took at most this long.
    pub p99_latency: f64,
    /// Transactions seen final, a second, from the first send to the last that was seen.
    pub throughput: f64,
}

impl Figures {
    /// The figures of these latencies.
    pub fn of(mut latencies: Vec<f64>, fail: u64, sent: u64, sending: f64, whole: f64) -> Self {
        latencies.sort_by(f64::total_cmp);
        let at = |share: f64| quantile(&latencies, share);
        let succ = latencies.len() as u64;
        Figures {
            succ,
            fail,
            send_rate: sent as f64 / sending.max(1e-9),
            max_latency: at(1.0),
            min_latency: at(0.0),
            avg_latency: latencies.iter().sum::<f64>() / (succ as f64).max(1.0),
            p50_latency: at(0.5),
            p99_latency: at(0.99),
            throughput: succ as f64 / whole.max(1e-9),
        }
    }

    /// Caliper's table.
    pub fn table(&self, name: &str) -> String {
        format!(
            "| Name | Succ | Fail | Send Rate (TPS) | Max Latency (s) | Min Latency (s) | Avg Latency (s) | p50 (s) | p99 (s) | Throughput (TPS) |\n|---|---|---|---|---|---|---|---|---|---|\n| {name} | {} | {} | {:.1} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.1} |",
            self.succ,
            self.fail,
            self.send_rate,
            self.max_latency,
            self.min_latency,
            self.avg_latency,
            self.p50_latency,
            self.p99_latency,
            self.throughput,
        )
    }
}

/// The value that so large a share of the sorted values does not exceed; 0 of none.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(place.saturating_sub(1).min(last)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_latencies() {
        let latencies: Vec<f64> = (1..=200).rev().map(|n| f64::from(n) / 100.0).collect();
        let figures = Figures::of(latencies, 3, 203, 2.0, 4.0);
        assert_eq!((figures.succ, figures.fail), (200, 3));
        assert_eq!((figures.min_latency, figures.max_latency), (0.01, 2.0));
        assert_eq!((figures.p50_latency, figures.p99_latency), (1.0, 1.98));
        assert!((figures.avg_latency - 1.005).abs() < 1e-9);
        assert_eq!((figures.send_rate, figures.throughput), (101.5, 50.0));
        let none = Figures::of(Vec::new(), 1, 1, 0.0, 0.0);
        assert_eq!((none.p99_latency, none.throughput), (0.0, 0.0));
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values = [1.0, 2.0, 3.0, 4.0];
        let shares = [0.0, 0.25, 0.26, 0.5, 0.99, 1.0].map(|share| quantile(&values, share));
        assert_eq!(shares, [1.0, 1.0, 2.0, 2.0, 4.0, 4.0]);
    }
}
