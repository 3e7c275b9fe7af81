"""Fits the coefficients of native/fused/tanh.h, and prints them. Needs numpy.

tanh(x) / x = P(u) / Q(u) with u = x^2 and Q(0) = 1 is linear in the coefficients once it is multiplied by Q. So this solves least squares
again and again, with weights that grow where the relative error is large (Lawson's algorithm), until the largest error is nearly as small
as it can be.
"""

import numpy as np

BOUND = 9.02  # Beyond, tanh rounds to 1 in float32.
DEGREE = 4  # Of both polynomials.
ITERATIONS = 60
POINTS = 4000


def fit():
    """Returns the largest relative error over (0, BOUND], and the coefficients of P and of Q, from the lowest power on."""
    ends = BOUND * (1 - np.cos(np.linspace(1e-3, np.pi / 2, POINTS)))  # Denser near zero.
    x = np.sort(np.concatenate([ends, np.linspace(1e-3, BOUND, POINTS)]))
    wanted = np.tanh(x) / x
    u = (x / BOUND) ** 2  # From 0 to 1, so that the powers stay of one size.
    powers = [u**power for power in range(DEGREE + 1)]
    weights = np.ones_like(x)
    q = np.ones_like(x)
    best = (np.inf, None)
    for _ in range(ITERATIONS):
        scale = np.sqrt(weights) / (wanted * q)
        matrix = np.stack([*powers, *(-wanted * power for power in powers[1:])], axis=1) * scale[:, None]
        solution = np.linalg.lstsq(matrix, wanted * scale, rcond=None)[0]
        p = sum(c * power for c, power in zip(solution, powers))
        q = 1 + sum(c * power for c, power in zip(solution[DEGREE + 1 :], powers[1:]))
        error = np.abs(p / q / wanted - 1)
        best = min(best, (error.max(), solution.copy()), key=lambda pair: pair[0])
        weights *= (error / error.mean()) ** 0.7
        weights /= weights.mean()
    error, solution = best
    coefficients_p = [c / BOUND ** (2 * power) for power, c in enumerate(solution[: DEGREE + 1])]
    coefficients_q = [1.0, *(c / BOUND ** (2 * power) for power, c in enumerate(solution[DEGREE + 1 :], start=1))]
    return error, coefficients_p, coefficients_q


if __name__ == "__main__":
    largest, p_values, q_values = fit()
    print(f"Largest relative error: {largest:.2e}")
    for name, values in (("P", p_values), ("Q", q_values)):
        print(name, *(f"{value:.16g}" for value in values))
