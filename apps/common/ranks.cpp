// Ranks: by MPI where the build has it.
#include "apps/common/ranks.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "engine/error.h"

#ifdef SOBOGRAD_MPI
#define OMPI_SKIP_MPICXX  // the C interface alone
#define MPICH_SKIP_MPICXX
#include <mpi.h>
#endif

namespace sg::apps {
namespace {

/// MPI is begun only under a launcher: a program alone neither waits for it nor needs its devices.
bool launched() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_SIZE"}) {
    if (std::getenv(name)) return true;
  }
  return false;
}

struct World {
  int rank = 0, count = 1, here = 1;
  bool open = false;

  World() {
    if (!launched()) return;
#ifndef SOBOGRAD_MPI
    const char* processes = std::getenv("OMPI_COMM_WORLD_SIZE");
    if (processes && std::atoi(processes) > 1) {
      fail("mpirun: this program was built without MPI: configure with -DSOBOGRAD_MPI=ON");
    }
#else
    MPI_Init(nullptr, nullptr);
    open = true;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &count);
    MPI_Comm machine;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &machine);
    MPI_Comm_size(machine, &here);
    MPI_Comm_free(&machine);
#endif
  }
};

World& world() {
  static World all;
  return all;
}

#ifdef SOBOGRAD_MPI

MPI_Datatype type_of(float) { return MPI_FLOAT; }
MPI_Datatype type_of(double) { return MPI_DOUBLE; }

/// Sends one part to a rank and receives another from it. MPI counts by int: long parts go in pieces.
template <class T>
void exchange(int partner, std::span<const T> sent, std::span<T> received) {
  constexpr std::size_t piece = std::size_t{1} << 28;
  for (std::size_t first = 0; first < std::max(sent.size(), received.size()); first += piece) {
    const auto out = sent.subspan(std::min(first, sent.size()));
    const auto in = received.subspan(std::min(first, received.size()));
    MPI_Sendrecv(out.data(), static_cast<int>(std::min(piece, out.size())), type_of(T()), partner, 0, in.data(),
                 static_cast<int>(std::min(piece, in.size())), type_of(T()), partner, 0, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
  }
}

template <class T>
void sum_by_halving(std::span<T> values) {
  const int rank = this_rank(), count = rank_count();
  if ((count & (count - 1)) != 0) fail("mpirun: {} processes; sums in one order need a power of two", count);
  std::vector<T> others(values.size() / 2 + 1);
  std::vector<std::span<T>> kept{values}, given;
  for (int distance = 1; distance < count; distance *= 2) {
    const std::span<T> whole = kept.back();
    const std::span<T> lower = whole.first(whole.size() / 2), upper = whole.subspan(whole.size() / 2);
    const bool keeps_lower = (rank & distance) == 0;
    const std::span<T> own = keeps_lower ? lower : upper, other = keeps_lower ? upper : lower;
    const std::span<T> theirs(others.data(), own.size());
    exchange<T>(rank ^ distance, other, theirs);
    for (std::size_t i = 0; i < own.size(); ++i) own[i] += theirs[i];  // a + b and b + a have the same bits
    kept.push_back(own);
    given.push_back(other);
  }
  for (int distance = count / 2; distance >= 1; distance /= 2) {
    kept.pop_back();
    const std::span<T> whole = kept.back(), other = given.back();
    const std::span<T> own =
        other.data() == whole.data() ? whole.subspan(other.size()) : whole.first(whole.size() - other.size());
    exchange<T>(rank ^ distance, own, other);
    given.pop_back();
  }
}

#endif

}  // namespace

bool started_by_mpi() { return world().open; }
int rank_count() { return world().count; }
int this_rank() { return world().rank; }
int ranks_here() { return world().here; }

#ifdef SOBOGRAD_MPI

void sum_over_ranks(std::span<float> values) { sum_by_halving(values); }
void sum_over_ranks(std::span<double> values) { sum_by_halving(values); }

std::int64_t largest_over_ranks(std::int64_t value) {
  if (rank_count() == 1) return value;
  std::int64_t largest = 0;
  MPI_Allreduce(&value, &largest, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
  return largest;
}

std::int64_t from_first_rank(std::int64_t value) {
  if (rank_count() > 1) MPI_Bcast(&value, 1, MPI_INT64_T, 0, MPI_COMM_WORLD);
  return value;
}

void finish_ranks() {
  if (!world().open) return;
  world().open = false;
  MPI_Finalize();
}

#else

void sum_over_ranks(std::span<float>) {}
void sum_over_ranks(std::span<double>) {}
std::int64_t largest_over_ranks(std::int64_t value) { return value; }
std::int64_t from_first_rank(std::int64_t value) { return value; }
void finish_ranks() {}

#endif

}  // namespace sg::apps
