//! Small dense systems: symmetric and positive definite, by Cholesky's decomposition.

/// A symmetric matrix, row by row.
#[derive(Clone, Debug)]
pub(super) struct Symmetric {
    pub(super) size: usize,
    cells: Vec<f64>,
}

impl Symmetric {
    pub(super) fn zero(size: usize) -> Symmetric {
        Symmetric { size, cells: vec![0.0; size * size] }
    }

    /// Adds `weight * x x'`; only the lower triangle is kept.
    pub(super) fn add_outer(&mut self, x: &[f64], weight: f64) {
        for (i, a) in x.iter().enumerate() {
            if *a != 0.0 {
                let scaled = a * weight;
                let row = &mut self.cells[i * self.size..=i * self.size + i];
                row.iter_mut().zip(x).for_each(|(cell, b)| *cell += scaled * b);
            }
        }
    }

    pub(super) fn add(&mut self, row: usize, column: usize, value: f64) {
        self.cells[row.max(column) * self.size + row.min(column)] += value;
    }

    /// The inverse, or none where the matrix is not positive definite in floating point.
    pub(super) fn inverse(&self) -> Option<Vec<f64>> {
        let n = self.size;
        let mut l = self.cells.clone();
        for j in 0..n {
            let mut diagonal = l[j * n + j];
            let original = diagonal;
            for k in 0..j {
                diagonal -= l[j * n + k] * l[j * n + k];
            }
            // What is left of a column that depends on those before is rounding.
            if diagonal.is_nan() || diagonal <= 1e-11 * original.abs() {
                return None;
            }
            let root = diagonal.sqrt();
            l[j * n + j] = root;
            for i in j + 1..n {
                let mut cell = l[i * n + j];
                for k in 0..j {
                    cell -= l[i * n + k] * l[j * n + k];
                }
                l[i * n + j] = cell / root;
            }
        }
        let mut inverse = vec![0.0; n * n];
        for c in 0..n {
            // L y = e_c, L' x = y
            let mut x = vec![0.0; n];
            for i in c..n {
                let mut value = f64::from(u8::from(i == c));
                for k in c..i {
                    value -= l[i * n + k] * x[k];
                }
                x[i] = value / l[i * n + i];
            }
            for i in (0..n).rev() {
                let mut value = x[i];
                for k in i + 1..n {
                    value -= l[k * n + i] * x[k];
                }
                x[i] = value / l[i * n + i];
            }
            for (i, value) in x.into_iter().enumerate() {
                inverse[i * n + c] = value;
            }
        }
        Some(inverse)
    }
}

/// `matrix * x` for a square matrix, row by row.
pub(super) fn times(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    matrix.chunks(x.len()).map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inverse_times_its_matrix_is_the_identity() {
        let rows = [[1.0, 2.0, 0.5], [1.0, -1.0, 3.0], [1.0, 0.25, 0.0], [1.0, 7.0, 1.0]];
        let mut matrix = Symmetric::zero(3);
        rows.iter().for_each(|row| matrix.add_outer(row, 0.5));
        let inverse = matrix.inverse().unwrap();
        for c in 0..3 {
            let column: Vec<f64> =
                (0..3).map(|r| rows.iter().map(|row| 0.5 * row[r] * row[c]).sum()).collect();
            for (r, value) in times(&inverse, &column).into_iter().enumerate() {
                assert!((value - f64::from(u8::from(r == c))).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn columns_that_depend_on_each_other_have_no_inverse() {
        let mut matrix = Symmetric::zero(2);
        for x in [1.0, 2.0, 3.0] {
            matrix.add_outer(&[x, 2.0 * x], 1.0);
        }
        assert!(matrix.inverse().is_none());
    }
}
