// What the machine can do, measured.
#pragma once

namespace sg::bench {

/// Floating operations a second of f32 multiply-adds on all of the engine's threads, in units of 1e9.
double peak_gflops(double seconds);
/// Bytes read and written a second by copies that no cache holds, in units of 1e9.
double copy_gigabytes(double seconds);

}  // namespace sg::bench
