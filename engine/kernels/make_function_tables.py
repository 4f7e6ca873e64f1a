#!/usr/bin/env python3
"""Prints function_tables.h: a function on intervals, four for each power of two, as a polynomial of degree 5 in the
distance from a centre.

A centre is an f32 near the middle of its interval where the function lies nearest to an f32, so that the constant's own
rounding costs next to nothing. The others interpolate (f(c + t) - f(c)) / t at Chebyshev's points, which is within a factor
of two of the best. The first interval begins at 0, its constant is 0 and its slope 1.
    make_function_tables.py | clang-format > function_tables.h"""
import struct
from decimal import Decimal, getcontext
from math import cos, pi

getcontext().prec = 60
DEGREE = 5


def tanh(x):
    e = (-2 * x).exp()
    return (1 - e) / (1 + e)


def log1p(x):
    return (1 + x).ln()


def f32(x):
    return struct.unpack("f", struct.pack("f", float(x)))[0]


def moved(x, steps):
    """The f32 so many steps beside x."""
    (bits,) = struct.unpack("I", struct.pack("f", x))
    return struct.unpack("f", struct.pack("I", bits + steps))[0]


def rounding(x):
    """What is lost when x is made an f32, in its last digit."""
    near = f32(x)
    return abs(x - Decimal(near)) / (Decimal(moved(near, 1)) - Decimal(near))


def interpolate(points, values):
    """The coefficients of the polynomial through the points, by Newton's divided differences."""
    differences = list(values)
    for order in range(1, len(points)):
        for i in range(len(points) - 1, order - 1, -1):
            differences[i] = (differences[i] - differences[i - 1]) / (points[i] - points[i - order])
    result = [Decimal(0)] * len(points)
    for i in range(len(points) - 1, -1, -1):
        result = [s - points[i] * r for s, r in zip([Decimal(0)] + result[:-1], result)]
        result[0] += differences[i]
    return result


def chebyshev_points(low, high, count):
    middle, half = (low + high) / 2, (high - low) / 2
    return [middle + half * Decimal(cos(pi * (2 * i + 1) / (2 * count))) for i in range(count)]


def first_interval(function, high, odd):
    if odd:  # tanh(t) / t is a polynomial in t^2
        points = chebyshev_points(Decimal(0), high * high, 2)
        a, b = interpolate(points, [(function(s.sqrt()) / s.sqrt() - 1) / s for s in points])
        rest = [Decimal(0), a, Decimal(0), b]
    else:
        points = chebyshev_points(Decimal(0), high, DEGREE - 1)
        rest = interpolate(points, [(function(t) / t - 1) / t for t in points])
    return 0.0, [Decimal(0), Decimal(1)] + rest


def interval(function, low, high):
    middle = f32((low + high) / 2)
    centre = min((moved(middle, i) for i in range(-2000, 2001)), key=lambda c: rounding(function(Decimal(c))))
    c = Decimal(centre)
    points = chebyshev_points(low - c, high - c, DEGREE)
    return centre, [function(c)] + interpolate(points, [(function(c + t) - function(c)) / t for t in points])


def print_table(name, function, count, highest, odd, comment):
    """`highest`: beyond it nothing is asked for."""
    rows = []
    for i in range(count):
        power = Decimal(2) ** (i // 4 - 4)
        low, high = power * (4 + i % 4) / 4, power * (5 + i % 4) / 4
        rows.append(first_interval(function, high, odd) if i == 0 else
                    interval(function, low, min(high, highest) if low < highest else high))
    braces = lambda values: "{" + ", ".join(value.hex().replace("0000000p", "p") + "f" for value in values) + "}"
    print(f"/// {comment}")
    print(f"alignas(64) inline constexpr float k{name}Centres[{count}] = {braces([row[0] for row in rows])};")
    print(f"alignas(64) inline constexpr float k{name}Coefficients[{DEGREE + 1}][{count}] = {{")
    print(",\n".join(braces([f32(row[1][k]) for row in rows]) for k in range(DEGREE + 1)) + "};")


print("// Printed by make_function_tables.py: functions on four intervals for each power of two from 1/16 on, as\n"
      "// polynomials in the distance from a centre, from the constant on. The first interval begins at 0.\n"
      "#pragma once\n\nnamespace sg::kernels {\n")
print_table("Tanh", tanh, 32, Decimal("9.02"), True, "tanh(x) up to 9.02, beyond which it rounds to 1.")
print_table("Log1p", log1p, 16, Decimal(1), False, "ln(1 + x) up to 1.")
print("\n}  // namespace sg::kernels")
