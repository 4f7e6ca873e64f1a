// Ranks: the processes of one training, started together by mpirun; a process alone is rank 0 of one.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>

namespace sg::apps {

/// Whether this program was built with MPI, and started by its launcher. Without either there is one rank.
bool started_by_mpi();

int rank_count();
/// 0 .. rank_count() - 1. Rank 0 writes all files and speaks; the others only compute.
int this_rank();
inline bool is_first_rank() { return this_rank() == 0; }
/// Ranks on this machine.
int ranks_here();

/// Sums each element over the ranks; all get the same bits. The order is a binary tree over the ranks by their numbers,
/// ((0 + 1) + (2 + 3)) + ..., so that it continues a tree over the parts of a batch that lie on the ranks one after the
/// other. Every rank sends and receives about twice the vector, whatever their number (halving and doubling: Thakur,
/// Rabenseifner and Gropp 2005). The number of ranks must be a power of two.
void sum_over_ranks(std::span<float> values);
void sum_over_ranks(std::span<double> values);

/// The largest of the ranks' values.
std::int64_t largest_over_ranks(std::int64_t value);
/// The first rank's value.
std::int64_t from_first_rank(std::int64_t value);

/// What a rank that is not the first throws when its part is done.
class RankIsDone : public std::exception {};

/// To be called at the end of a program that ends well; it waits for the others.
void finish_ranks();

}  // namespace sg::apps
