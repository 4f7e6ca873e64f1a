// Streaming: finds the steps of a plan that can run on one block of rows after another, and makes regions of them.
//
// Rows are the indices of a leading axis: points, or pictures of a batch. Nearly all work is *row-wise* (a row of the
// result comes from the same row of the operands and from weights that all rows share), and most of the rest *sums over
// rows* (weight gradients, losses). A run of such steps needs no whole tensors between them. A region takes a block of
// rows through all of its steps, then the next block:
//  - What one step of the region makes and only others of it read exists for one block at a time, in memory that each
//    thread has for itself and that is used again as soon as its last reader is done. It is sized to stay in the
//    second-level cache. The memory of a training step then hardly depends on the number of points.
//  - Blocks are dealt to threads in chunks. A chunk has its own partial sums; at the end they are added in the chunks'
//    order. So a region has one barrier instead of one a step, and since blocks and chunks depend on shapes alone, the
//    bits do not depend on the number of threads.
//  - A value that somebody holds, or that a step outside of the region reads, is written whole.
//  - Sums over rows that are only added to each other afterwards, as the gradients of a weight that is used in a value
//    and in its derivatives, are one sum.
//
// How regions are found. The number of rows N is the extent that most bytes of results have first; a second and a third
// such number (a boundary's points) get regions of their own. Going through the steps in their order, each is asked
// for an axis along which it can be cut into N rows: elementwise work and views say it by their strides, kernels by
// `Primitive::rows`. An operand that the region itself makes must be read row by row, in rows as they were made; who
// reads it otherwise (whole, as all do that read a sum) belongs to a later phase. Steps of one N and one phase are a
// region, since no path leads from one of them to another through a step outside. Phases run in order: within one first
// what is not streamed, then its regions.
//
// A region stays only where it pays: its tensors together would not fit in the caches, a block of at least some tens of
// rows, or of four pictures, does, and the weights that each block reads again are small. Otherwise its steps run on
// whole tensors as before.
#pragma once

#include "engine/plan.h"

namespace sg {

/// `always` is for tests: every run of steps that can be cut is, into blocks of a row or a few.
enum class Streaming { automatic, off, always };

/// While it lives, plans that its thread makes or finds are streamed so.
class StreamingScope {
 public:
  explicit StreamingScope(Streaming streaming);
  ~StreamingScope();
  StreamingScope(const StreamingScope&) = delete;
  StreamingScope& operator=(const StreamingScope&) = delete;

 private:
  Streaming previous_;
};
Streaming streaming();

/// Puts regions in the place of the steps that they take. Called before the plan's lifetimes are known. `expendable`
/// says of the first storages which are leaves that nobody can reach afterwards.
void stream_rows(Plan& plan, std::vector<bool> expendable);

}  // namespace sg
