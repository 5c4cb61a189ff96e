//! The stream of noise is pinned: receipts of earlier releases are checked by running them again, so that a change here is a
//! decision (and a new version of the method), not a fix.
//!
//! The numbers were computed by an independent model (ChaCha20 from RFC 8439 and the paper's algorithms in unbounded integers, the
//! calibration in 50 decimal digits), not copied from the output of this crate.

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
    for (num, den, expected) in [
        (1, 1, [0, 0, 0, -2, 0, -2, -1, -2, -1, 0, 2, 1]),
        (400, 1, [1828, 92, -597, 204, -69, 781, -807, -315, -875, -314, 2209, 111]),
        (2, 7, [0, 1, 0, 0, -1, 0, 1, 0, 0, 0, 0, 0]),
        (
            1 << 62,
            1,
            [
                21079444084563604268,
                1070910626586601947,
                -6887135051139461989,
                2354771666960485692,
                -796833364597749249,
                9015524547518348935,
                -9305964953975129802,
                -3638485968189416719,
                -10089688000730707878,
                -3628647827901918590,
                25470148276525180936,
                1289820151231973086,
            ],
        ),
    ] {
        let (mut rng, noise) = (stream(), DiscreteLaplace::new(Scale::new(num, den).unwrap()));
        let samples: [i128; 12] = std::array::from_fn(|_| noise.sample(&mut rng));
        assert_eq!(samples, expected, "scale {num}/{den}");
    }
}

#[test]
fn gaussian_noise_of_a_seed_never_changes() {
    for (num, den, expected) in [
        (1, 1, [0, 0, -1, -2, -1, 1, 0, 0, 1, 1, -1, 1]),
        (160_000, 1, [56, -251, 379, -809, 127, -877, -491, 102, 397, -207, -160, -806]),
        (9, 2, [0, -1, 2, 2, -3, 2, -3, -3, 5, 0, 0, 2]),
        (
            1 << 60,
            3,
            [
                87284443, 586054101, -780794002, -81833398, -164435377, -120798852, -199679234, 828512945,
                173383860, 614177095, 699482056, 2085990077,
            ],
        ),
    ] {
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
    assert_eq!(variance(1.0, 1e-6), (4_579_566, 1)); // 4579565.866...
    assert_eq!(variance(0.1, 1e-9), (664_743_545, 1)); // 664743544.005
    assert_eq!(variance(1000.0, 1e-5), (101_487, 1024)); // 405947.756 / 4096
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
    assert_eq!(out, "30.1 14.1 7.7 0.0 0.0 0.0 36.6 16.6 ");
}
