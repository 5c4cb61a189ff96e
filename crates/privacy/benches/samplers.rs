//! What one release costs. `stream=fresh` pays for a new ChaCha20 stream as a record does; `stream=shared` is the sampler alone.
//! `cargo bench -p medveil-privacy`

use chacha20::ChaCha20Rng;
use divan::{Bencher, black_box};
use medveil_privacy::{GaussianMechanism, LaplaceMechanism};
use rand_core::SeedableRng;

fn main() {
    divan::main();
}

#[divan::bench(name = "laplace::release/stream=shared", args = [0.1, 1.0, 8.0])]
fn laplace_shared(bencher: Bencher<'_, '_>, epsilon: f64) {
    let mechanism = LaplaceMechanism::new(epsilon, 0.0, 40.0, 1).expect("valid parameters");
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    bencher.bench_local(|| mechanism.release(&mut rng, black_box(73)));
}

#[divan::bench(name = "laplace::release/stream=fresh", args = [1.0])]
fn laplace_fresh(bencher: Bencher<'_, '_>, epsilon: f64) {
    let mechanism = LaplaceMechanism::new(epsilon, 0.0, 40.0, 1).expect("valid parameters");
    let mut site = 0;
    bencher.bench_local(|| {
        site += 1;
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        rng.set_stream(site);
        mechanism.release(&mut rng, black_box(73))
    });
}

#[divan::bench(name = "laplace::release_text/stream=shared", args = [1.0])]
fn laplace_text(bencher: Bencher<'_, '_>, epsilon: f64) {
    let mechanism = LaplaceMechanism::new(epsilon, 0.0, 40.0, 1).expect("valid parameters");
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let mut out = String::new();
    bencher.bench_local(|| {
        out.clear();
        mechanism.release_text(&mut rng, black_box("7.3"), &mut out)
    });
}

#[divan::bench(name = "gaussian::release/stream=shared", args = [0.1, 1.0, 8.0])]
fn gaussian_shared(bencher: Bencher<'_, '_>, epsilon: f64) {
    let mechanism = GaussianMechanism::new(epsilon, 1e-6, 0.0, 40.0, 1).expect("valid parameters");
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    bencher.bench_local(|| mechanism.release(&mut rng, black_box(73)));
}
