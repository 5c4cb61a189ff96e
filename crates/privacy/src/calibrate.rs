//! How much Gaussian noise `(epsilon, delta)` needs, in integers, with every step rounded towards more noise.
//!
//! `rho`-zCDP implies `(rho + 2 sqrt(rho L), delta)` with `L = ln(1/delta)` ([BS16], Prop. 1.3). Solved for `rho`:
//! `rho = (epsilon / (sqrt(L + epsilon) + sqrt(L)))^2`. The discrete Gaussian is `D^2 / (2 sigma^2)`-zCDP ([CKS20]), hence
//!
//! `sigma^2 >= (D / epsilon)^2 (sqrt(L + epsilon) + sqrt(L))^2 / 2`.
//!
//! The right side grows with `L`: an upper bound of it, of each root and of each quotient is an upper bound of the whole. Integers
//! rather than floats, because `ln` differs between platforms and another variance is another release.
//!
//! [BS16]: https://arxiv.org/abs/1605.02065
//! [CKS20]: https://arxiv.org/abs/2004.00010

use crate::discrete_gaussian::{Variance, VarianceError};
use crate::parameter::{Delta, Epsilon};

/// The least variance on hand that makes noise on a value of sensitivity `width` (up to `2^41` steps) `(epsilon, delta)`-private.
pub(crate) fn gaussian_variance(
    epsilon: Epsilon,
    delta: Delta,
    width: u64,
) -> Result<Variance, VarianceError> {
    let micros = u128::from(epsilon.micros());
    // Fixed point of 32 fraction bits. log < 2^37 and epsilon <= 2^52, so each root is below 2^43.
    let log = ln_inverse(delta);
    let raised = log + (micros << 32).div_ceil(u128::from(Epsilon::RESOLUTION));
    let roots = sqrt_up(raised << 32) + sqrt_up(log << 32);
    // sqrt(2) sigma, in the same fixed point: below 2^41 * 2^44 * 2^20.
    let root2_sigma = (u128::from(width) * roots * u128::from(Epsilon::RESOLUTION)).div_ceil(micros);
    if root2_sigma >= 1 << 63 {
        return Err(VarianceError); // sigma^2 would exceed 2^60
    }
    // sigma^2 in whole steps where they are fine enough (the sampler is fastest on small numbers), else in parts of a step.
    let twice_scaled = root2_sigma * root2_sigma;
    let den = if twice_scaled >> 65 >= FINE { 1 } else { FINE };
    let num = if den == 1 { twice_scaled.div_ceil(1 << 65) } else { (twice_scaled * den).div_ceil(1 << 65) };
    Variance::new(u64::try_from(num).map_err(|_| VarianceError)?, den as u64)
}

/// An upper bound of `ln(1/delta)` in fixed point of 32 fraction bits, less than `2^-30` too large.
///
/// With `1/delta = 2^k m`, `1 <= m < 2`: `k ln 2 + 2 artanh(z)`, `z = (m - 1) / (m + 1) <= 1/3`, summed in 60 fraction bits.
fn ln_inverse(delta: Delta) -> u128 {
    let (one, picos) = (u128::from(Delta::RESOLUTION), u128::from(delta.picos()));
    let doublings = (one / picos).ilog2();
    let base = picos << doublings; // base <= one < 2 base
    let z = ((one - base) << 60).div_ceil(one + base);
    let square = (z * z).div_ceil(1 << 60);
    let (mut power, mut artanh) = (z, 0);
    for i in 0..20 {
        artanh += power.div_ceil(2 * i + 1);
        power = (power * square).div_ceil(1 << 60);
    }
    // The terms left out sum to less than z^41 / 41 / (1 - z^2) < 3^-41 < 2^-64: less than one unit.
    let log = u128::from(doublings) * LN_2 + 2 * (artanh + 1);
    log.div_ceil(1 << 28)
}

fn sqrt_up(n: u128) -> u128 {
    let root = n.isqrt();
    if root * root == n { root } else { root + 1 }
}

/// `ln 2 * 2^60`, rounded up (799144290325165978.73...).
const LN_2: u128 = 799_144_290_325_165_979;
/// Parts of a squared step below which sigma^2 is not rounded: at most 1/4096 more variance than needed.
const FINE: u128 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::gaussian_pmf;

    #[test]
    fn logarithm_is_never_too_small_and_hardly_too_large() {
        for picos in (0..12).flat_map(|e| [1, 2, 3, 7, 9].map(|d| d * 10u64.pow(e))).chain([999_999_999_999])
        {
            let delta = Delta::new(picos as f64 * 1e-12).unwrap();
            let (bound, exact) = (ln_inverse(delta) as f64 / 2f64.powi(32), -delta.to_f64().ln());
            assert!(bound >= exact - 1e-14 && bound < exact + 1e-9, "{picos}: {bound} {exact}");
        }
    }

    #[test]
    fn variance_is_the_formula_rounded_up() {
        for (epsilon, delta, width) in
            [(1.0, 1e-6, 400), (0.1, 1e-9, 1), (8.0, 1e-5, 3), (50.0, 1e-2, 10), (0.000_1, 1e-12, 10)]
        {
            let variance =
                gaussian_variance(Epsilon::new(epsilon).unwrap(), Delta::new(delta).unwrap(), width).unwrap();
            let log = -f64::ln(delta);
            let formula = (width as f64 / epsilon * ((log + epsilon).sqrt() + log.sqrt())).powi(2) / 2.0;
            let got = variance.num() as f64 / variance.den() as f64;
            assert!(got >= formula * (1.0 - 1e-12), "{got} {formula}");
            assert!(got <= formula * (1.0 + 1e-6) + 1.0 / 4096.0 + formula / 4096.0, "{got} {formula}");
        }
    }

    #[test]
    fn noise_of_the_variance_is_private_by_the_definition() {
        // The least delta for which two values, `width` apart, are (epsilon, delta)-indistinguishable is the sum over all
        // outputs of max(0, p - e^epsilon p'). No clamp: clamping can only lessen it.
        for (epsilon, delta, width) in [
            (1.0, 1e-6, 4),
            (0.5, 1e-3, 1),
            (4.0, 1e-5, 10),
            (12.0, 1e-9, 1),
            (0.1, 0.05, 2),
            (30.0, 1e-2, 1),
        ] {
            let variance =
                gaussian_variance(Epsilon::new(epsilon).unwrap(), Delta::new(delta).unwrap(), width).unwrap();
            let sigma2 = variance.num() as f64 / variance.den() as f64;
            let pmf = gaussian_pmf(sigma2);
            let reach = (40.0 * sigma2.sqrt()) as i64 + 2;
            let lost: f64 =
                (-reach..=reach).map(|y| (pmf(y) - epsilon.exp() * pmf(y - width as i64)).max(0.0)).sum();
            assert!(lost <= delta, "{lost} > {delta} at {epsilon}");
            assert!(lost > delta * 1e-6, "far more noise than needed: {lost} at {epsilon}, {delta}");
        }
    }

    #[test]
    fn noise_wider_than_the_sampler_takes_is_refused() {
        let (epsilon, delta) = (Epsilon::new(1e-6).unwrap(), Delta::new(1e-12).unwrap());
        assert_eq!(gaussian_variance(epsilon, delta, 1 << 41), Err(VarianceError));
        assert!(gaussian_variance(Epsilon::new(1e6).unwrap(), Delta::new(0.999).unwrap(), 1).is_ok());
    }
}
