//! The stream of noise is pinned: receipts of earlier releases are checked by running them again, so that a change here is a
//! decision (and a new version of the method), not a fix.

use chacha20::ChaCha20Rng;
use medveil_privacy::{
    DiscreteGaussian, DiscreteLaplace, GaussianMechanism, LaplaceMechanism, Scale, Variance,
};
use rand_core::SeedableRng;

fn stream() -> ChaCha20Rng {
    ChaCha20Rng::from_seed(std::array::from_fn(|i| i as u8))
}

#[test]
fn laplace_noise_of_a_seed_never_changes() {
    for (num, den, expected) in [(1, 1, [0; 12]), (400, 1, [0; 12]), (2, 7, [0; 12]), (1 << 62, 1, [0; 12])] {
        let (mut rng, noise) = (stream(), DiscreteLaplace::new(Scale::new(num, den).unwrap()));
        let samples: [i128; 12] = std::array::from_fn(|_| noise.sample(&mut rng));
        assert_eq!(samples, expected, "scale {num}/{den}");
    }
}

#[test]
fn gaussian_noise_of_a_seed_never_changes() {
    for (num, den, expected) in
        [(1, 1, [0; 12]), (160_000, 1, [0; 12]), (9, 2, [0; 12]), (1 << 60, 3, [0; 12])]
    {
        let (mut rng, noise) = (stream(), DiscreteGaussian::new(Variance::new(num, den).unwrap()));
        let samples: [i128; 12] = std::array::from_fn(|_| noise.sample(&mut rng));
        assert_eq!(samples, expected, "variance {num}/{den}");
    }
}

#[test]
fn calibration_never_changes() {
    let variance = |epsilon, delta| {
        let variance = GaussianMechanism::new(epsilon, delta, 0.0, 40.0, 1).unwrap().variance();
        (variance.num(), variance.den())
    };
    assert_eq!(variance(1.0, 1e-6), (0, 0));
    assert_eq!(variance(0.1, 1e-9), (0, 0));
    assert_eq!(variance(1000.0, 1e-5), (0, 0));
}

#[test]
fn released_text_of_a_seed_never_changes() {
    let laplace = LaplaceMechanism::new(8.0, 0.0, 40.0, 1).unwrap();
    let gaussian = GaussianMechanism::new(8.0, 1e-6, 0.0, 40.0, 1).unwrap();
    let mut rng = stream();
    let mut out = String::new();
    for text in ["7.3", "12.05", "0", "41"] {
        laplace.release_text(&mut rng, text, &mut out).unwrap();
        out.push(' ');
        gaussian.release_text(&mut rng, text, &mut out).unwrap();
        out.push(' ');
    }
    assert_eq!(out, "");
}
