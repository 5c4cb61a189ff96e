//! Differential privacy for one value at a time, with samplers that are exact.
//!
//! A mechanism takes a number on its decimal [`Grid`], clamps it into the range that the plan declares, adds noise drawn on the
//! same grid and clamps again. Nothing here computes with floating-point numbers: a float in a sampler shifts probabilities by an
//! amount that an attacker can read off the low bits of the result ([Mir12]), and differs between machines.
//!
//! ```
//! use chacha20::ChaCha20Rng;
//! use medveil_privacy::{Budget, LaplaceMechanism, Spend};
//! use rand_core::SeedableRng;
//!
//! // Glucose in mmol/l, 0.0 to 40.0, one decimal.
//! let glucose = LaplaceMechanism::new(1.0, 0.0, 40.0, 1)?;
//! let mut budget = Budget::new(Spend::new(2.5, 0.0)?);
//! budget.spend(glucose.spend())?;
//!
//! let mut rng = ChaCha20Rng::from_seed([7; 32]);
//! let mut released = String::new();
//! glucose.release_text(&mut rng, "7.3", &mut released)?;
//! assert!((0.0..=40.0).contains(&released.parse::<f64>()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantee
//! > For every two values `x`, `x'` of the column and every set `S` of outputs,
//! > `P[M(x) in S] <= e^epsilon * P[M(x') in S] + delta`.
//!
//! This is *local* (record-level) differential privacy of one released number: the neighbour of a value is any other value.
//!
//! **Proof.** Let `c` clamp into `[lower, upper]`; counted in grid steps, `q = c(x)` is an integer and `|q(x) - q(x')|` is at most
//! `D = upper - lower`.
//! * *Laplace*: noise with `P[Y = y]` proportional to `e^(-|y| epsilon / D)` changes each output's probability between `x` and
//!   `x'` by a factor of at most `e^epsilon` (triangle inequality): `(epsilon, 0)`. [[`LaplaceMechanism`]]
//! * *Gaussian*: noise from the discrete Gaussian of variance parameter `sigma^2` is `D^2 / (2 sigma^2)`-zCDP ([CKS20], theorem
//!   "Discrete Gaussian Satisfies Concentrated Differential Privacy"), and `rho`-zCDP implies
//!   `(rho + 2 sqrt(rho ln(1/delta)), delta)` for every `delta > 0` ([BS16], Prop. 1.3). This holds for every epsilon, unlike the
//!   classical `sigma^2 >= 2 ln(1.25/delta) D^2 / epsilon^2`, which needs `epsilon <= 1`. [[`GaussianMechanism`]]
//! * The last clamp does not look at `x`: post-processing keeps the guarantee.
//! * Epsilon and delta are rounded down and the variance up, so that what is claimed is at most what was asked for and at least
//!   what is delivered. ∎
//!
//! # What the guarantee rests on
//! * **The stream is secret.** The noise is a deterministic function of key, seed and record. Whoever lacks the key sees a
//!   pseudorandom stream, and the guarantee holds against everyone of bounded computing power. Whoever holds the key can subtract
//!   the noise; to them the release is the clamped data. The key is as sensitive as the raw data.
//! * **A stream is used once.** Two values under one stream share their noise and their difference is disclosed. Give each
//!   record and column its own stream.
//! * **The same record gets the same noise.** Releasing it again discloses nothing new, and cannot be averaged. A record that
//!   changed has a fresh stream, and each version spends its budget: sum them with [`Budget`].
//! * **The parameters do not come from the data.** Range, decimals, epsilon and delta are the plan's. A range taken from the
//!   column's own minimum and maximum discloses these two.
//! * **Whether a value is a number is not hidden**: text that is not a decimal is refused, visibly. Every decimal is released.
//! * **Time is not observed.** The running time depends on the noise that was drawn (not on the value), as in every rejection
//!   sampler; an observer of single releases could narrow down the noise ([JMRO22]).
//! * Correlated columns and records of one person compose: the person's epsilon is the sum over all their released numbers.
//!
//! # References
//! * [CKS20]: Canonne, Kamath, Steinke, *The Discrete Gaussian for Differential Privacy*, NeurIPS 2020,
//!   <https://arxiv.org/abs/2004.00010>
//! * [BS16]: Bun, Steinke, *Concentrated Differential Privacy: Simplifications, Extensions, and Lower Bounds*, TCC 2016,
//!   <https://arxiv.org/abs/1605.02065>
//! * [Mir12]: Mironov, *On Significance of the Least Significant Bits for Differential Privacy*, CCS 2012
//! * [JMRO22]: Jin, McMurtry, Rubinstein, Ohrimenko, *Are We There Yet? Timing and Floating-Point Attacks on Differential
//!   Privacy Systems*, S&P 2022, <https://arxiv.org/abs/2112.05307>
//!
//! [CKS20]: https://arxiv.org/abs/2004.00010
//! [BS16]: https://arxiv.org/abs/1605.02065
//! [Mir12]: https://doi.org/10.1145/2382196.2382264
//! [JMRO22]: https://arxiv.org/abs/2112.05307

mod bernoulli;
mod budget;
mod calibrate;
mod decimal;
mod discrete_gaussian;
mod discrete_laplace;
mod grid;
mod interval;
mod mechanism;
mod parameter;
#[cfg(test)]
mod testing;
mod uniform;

pub use bernoulli::bernoulli_exp;
pub use budget::{Budget, BudgetError, Spend};
pub use discrete_gaussian::{DiscreteGaussian, Variance, VarianceError};
pub use discrete_laplace::{DiscreteLaplace, Scale, ScaleError};
pub use grid::{Grid, GridError};
pub use interval::{Bound, Interval, IntervalError};
pub use mechanism::{GaussianMechanism, LaplaceMechanism, MechanismError};
pub use parameter::{Delta, Epsilon, ParameterError};
