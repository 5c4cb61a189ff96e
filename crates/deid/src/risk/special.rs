//! Sums and ratios of the gamma family, written so that nothing cancels however large the arguments are.
//!
//! A difference such as `psi(x + m) - psi(x)` of two nearly equal numbers loses its digits; as the sum that it is, or as the
//! difference of two asymptotic series whose leading terms are joined by `ln_1p`, it keeps them. Series: Abramowitz and Stegun, *Handbook
//! of Mathematical Functions*, 6.1.41, 6.3.18 and 6.4.12; from [`LARGE`] on their error is below 1e-14.

/// From here on the asymptotic series are used.
const LARGE: f64 = 16.0;
/// So many terms are added one by one.
const FEW: f64 = 24.0;

/// `sum 1 / (x + i)` over `i = 0 .. m`, which is `psi(x + m) - psi(x)`. `x > 0`.
pub(super) fn reciprocals(x: f64, m: f64) -> f64 {
    sum(
        x,
        m,
        |x| 1.0 / x,
        |x, m| {
            let y = x + m;
            (m / x).ln_1p() - 0.5 * (1.0 / y - 1.0 / x) - (digamma_tail(y) - digamma_tail(x))
        },
    )
}

/// `sum 1 / (x + i)^2` over `i = 0 .. m`. `x > 0`.
pub(super) fn reciprocal_squares(x: f64, m: f64) -> f64 {
    sum(
        x,
        m,
        |x| 1.0 / (x * x),
        |x, m| {
            let y = x + m;
            m / x / y + (trigamma_tail(x) - trigamma_tail(y))
        },
    )
}

/// `ln gamma(x + d) - ln gamma(x)` for `x > 0`, `d >= 0`.
pub(super) fn ln_gamma_step(mut x: f64, d: f64) -> f64 {
    let mut below = 0.0;
    while x < LARGE {
        below += (d / x).ln_1p();
        x += 1.0;
    }
    let y = x + d;
    let tail = |x: f64| {
        let r = 1.0 / (x * x);
        (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r / 1680.0))) / x
    };
    (x - 0.5) * (d / x).ln_1p() + d * (y.ln() - 1.0) + (tail(y) - tail(x)) - below
}

/// The regularised incomplete beta function `I_x(a, b)`, for `a, b > 0` and `0 <= x <= 1`: the continued fraction of *Handbook of Mathematical
/// Functions* 26.5.8 by Lentz's method, on the side on which it converges fast.
pub(super) fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta_below(1.0 - x, b, a);
    }
    incomplete_beta_below(x, a, b)
}

fn incomplete_beta_below(x: f64, a: f64, b: f64) -> f64 {
    // ln B(a, b) = ln gamma(a) - (ln gamma(a + b) - ln gamma(b))
    let ln_beta = ln_gamma_step(1.0, a) - a.ln() - ln_gamma_step(b, a);
    let front = (a * x.ln() + b * (-x).ln_1p() - ln_beta).exp() / a;
    let away = |y: f64| if y.abs() < 1e-300 { 1e-300 } else { y };
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..100_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0_f64).abs() < 1e-14 {
            break;
        }
    }
    (front * fraction).clamp(0.0, 1.0)
}

/// Terms one by one until they are few or the argument is large, then the closed form of the rest.
fn sum(mut x: f64, mut m: f64, term: impl Fn(f64) -> f64, rest: impl Fn(f64, f64) -> f64) -> f64 {
    let mut total = 0.0;
    while m > 0.0 && (x < LARGE || m <= FEW) {
        total += term(x);
        x += 1.0;
        m -= 1.0;
    }
    if m > 0.0 { total + rest(x, m) } else { total }
}

/// `ln x - 1 / 2x - psi(x)`.
fn digamma_tail(x: f64) -> f64 {
    let r = 1.0 / (x * x);
    r * (1.0 / 12.0 - r * (1.0 / 120.0 - r * (1.0 / 252.0 - r * (1.0 / 240.0 - r / 132.0))))
}

/// `psi'(x) - 1 / x`.
fn trigamma_tail(x: f64) -> f64 {
    let r = 1.0 / (x * x);
    r * (0.5 + (1.0 / 6.0 - r * (1.0 / 30.0 - r * (1.0 / 42.0 - r / 30.0))) / x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-13 * b.abs().max(1e-3), "{a} {b}");
    }

    #[test]
    fn sums_equal_those_of_their_terms() {
        for x in [0.01, 0.7, 1.0, 5.5, 15.9, 40.0, 1e5] {
            for m in [0_u32, 1, 3, 24, 25, 100, 100_000] {
                let terms = || (0..m).rev().map(|i| x + f64::from(i));
                close(reciprocals(x, f64::from(m)), terms().map(|y| 1.0 / y).sum());
                close(reciprocal_squares(x, f64::from(m)), terms().map(|y| 1.0 / (y * y)).sum());
            }
        }
    }

    #[test]
    fn steps_of_the_gamma_function_equal_known_values() {
        // gamma(1/2) = sqrt(pi), gamma(1) = 1; gamma(x + 1) = x gamma(x); gamma(n) = (n - 1)!
        close(ln_gamma_step(0.5, 0.5), -std::f64::consts::PI.sqrt().ln());
        for x in [0.001, 0.3, 9.0, 1234.5, 1e12] {
            close(ln_gamma_step(x, 1.0), x.ln());
        }
        close(ln_gamma_step(1.0, 10.0), 3_628_800_f64.ln());
        close(ln_gamma_step(20.0, 0.25) + ln_gamma_step(20.25, 0.75), 20_f64.ln());
    }

    #[test]
    fn the_incomplete_beta_function_is_the_tail_of_the_binomial_distribution() {
        // I_x(a, n - a + 1) = P(Bin(n, x) >= a)
        for (n, x) in [(10_u32, 0.3_f64), (60, 0.02), (60, 0.9)] {
            let mut p = (1.0 - x).powi(n as i32);
            let mut below = 0.0;
            for a in 1..=n {
                below += p;
                p *= x / (1.0 - x) * f64::from(n - a + 1) / f64::from(a);
                let found = incomplete_beta(x, f64::from(a), f64::from(n - a + 1));
                assert!((found - (1.0 - below)).abs() < 1e-12, "{n} {x} {a}");
            }
        }
        // I_x(a, 1) = x^a
        close(incomplete_beta(0.3, 0.5, 1.0), 0.3_f64.sqrt());
    }

    #[test]
    fn large_arguments_keep_their_digits() {
        // sum 1/(x+i) over m is ln(1 + m/x) to first order.
        close(reciprocals(1e15, 1e3), 1e-12);
        close(reciprocals(1e9, 1e9), 2_f64.ln() + 0.25e-9);
    }
}
