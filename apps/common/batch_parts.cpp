// Batch parts: computing and adding them.
#include "apps/common/batch_parts.h"

#include <bit>
#include <cmath>

#include "apps/common/ranks.h"
#include "engine/error.h"
#include "engine/ops.h"

namespace sg::apps {
namespace {

/// Adds vectors in a binary tree over the order in which they come; their number is a power of two.
template <class T>
class TreeSum {
 public:
  void add(std::vector<T> values) {
    std::size_t height = 0;
    for (; !sums_.empty() && sums_.back().height == height; ++height) {
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = sums_.back().values[i] + values[i];
      sums_.pop_back();
    }
    sums_.push_back({height, std::move(values)});
  }
  std::vector<T> take() { return std::move(sums_.back().values); }

 private:
  struct Sum {
    std::size_t height;  // of the tree below it
    std::vector<T> values;
  };
  std::vector<Sum> sums_;
};

template <class T>
void append(std::vector<T>& values, const Tensor& tensor) {
  const std::vector<T> own = tensor.to_vector<T>();
  values.insert(values.end(), own.begin(), own.end());
}

/// What a step changes, in the order in which it is added up.
struct Places {
  std::vector<nn::Slot*> parameters, means, counts;  // means and counts: buffers of floating and of whole numbers

  explicit Places(nn::Module& network) : parameters(network.parameters()) {
    for (nn::Slot* buffer : network.buffers()) (is_floating(buffer->dtype()) ? means : counts).push_back(buffer);
  }
};

std::int64_t sizes(const std::vector<nn::Slot*>& slots) {
  std::int64_t size = 0;
  for (const nn::Slot* slot : slots) size += slot->size();
  return size;
}

/// T is the parameters' type.
template <class T>
StepSums sum_parts(nn::Module& network, const nn::Optimizer& optimizer, std::int64_t parts,
                   const std::function<Tensor(const data::BatchPart&)>& loss) {
  const Places places(network);
  Tensors before;
  for (const nn::Slot* buffer : network.buffers()) before.push_back(buffer->value());
  TreeSum<T> values;        // gradients and means
  TreeSum<double> figures;  // the loss, whether there is one, and counts
  for (const data::BatchPart& part : own_parts(parts)) {
    const std::vector<nn::Slot*> buffers = network.buffers();
    for (std::size_t i = 0; i < buffers.size(); ++i) buffers[i]->set(before[i]);
    const Tensor value = loss(part);
    if (!value) {
      values.add(std::vector<T>(static_cast<std::size_t>(sizes(places.parameters) + sizes(places.means))));
      figures.add(std::vector<double>(static_cast<std::size_t>(2 + sizes(places.counts))));
      continue;
    }
    Tensors added = optimizer.gradients(value), counted{value};
    for (const nn::Slot* slot : places.means) added.push_back(slot->value());
    for (const nn::Slot* slot : places.counts) counted.push_back(slot->value());
    Tensors all = added;
    all.insert(all.end(), counted.begin(), counted.end());
    eval(all);
    std::vector<T> flat;
    for (const Tensor& tensor : added) append(flat, tensor);
    std::vector<double> numbers{value.item(), 1};
    for (std::size_t i = 1; i < counted.size(); ++i) append(numbers, counted[i]);
    values.add(std::move(flat));
    figures.add(std::move(numbers));
  }
  std::vector<T> sum = values.take();
  std::vector<double> numbers = figures.take();
  sum_over_ranks(std::span<T>(sum));
  sum_over_ranks(std::span<double>(numbers));

  StepSums result{numbers[0], {}};
  const double filled = numbers[1];
  std::size_t at = 0, number_at = 2;
  for (const nn::Slot* slot : places.parameters) {
    result.gradients.push_back(tensor(std::span<const T>(sum).subspan(at, slot->size()), slot->shape(), slot->dtype()));
    at += static_cast<std::size_t>(slot->size());
  }
  for (nn::Slot* slot : places.means) {
    std::vector<double> mean(sum.begin() + at, sum.begin() + at + slot->size());
    for (double& element : mean) element /= filled;
    slot->set(tensor(std::span<const double>(mean), slot->shape(), slot->dtype()));
    at += mean.size();
  }
  for (nn::Slot* slot : places.counts) {
    std::vector<std::int64_t> count;
    for (; count.size() < static_cast<std::size_t>(slot->size()); ++number_at) {
      count.push_back(std::llround(numbers[number_at] / filled));
    }
    slot->set(tensor(std::span<const std::int64_t>(count), slot->shape(), slot->dtype()));
  }
  return result;
}

}  // namespace

Tensor share_of_mean(const Tensor& loss, const data::BatchPart& part, std::int64_t n) {
  return part.count == 1 ? loss : loss * part.share(n);
}

std::vector<data::BatchPart> own_parts(std::int64_t parts) {
  const std::int64_t each = parts / rank_count();
  std::vector<data::BatchPart> own;
  for (std::int64_t i = 0; i < each; ++i) own.push_back({this_rank() * each + i, parts});
  return own;
}

StepSums sum_over_parts(nn::Module& network, const nn::Optimizer& optimizer, std::int64_t parts,
                        const std::function<Tensor(const data::BatchPart&)>& loss) {
  const auto count = static_cast<std::int64_t>(rank_count());
  if (parts < 1 || !std::has_single_bit(static_cast<std::uint64_t>(parts)) || parts % count != 0) {
    fail("--batch-parts: {} parts on {} processes: needs a power of two that the processes divide", parts, count);
  }
  return network.parameters().front()->dtype() == f64 ? sum_parts<double>(network, optimizer, parts, loss)
                                                      : sum_parts<float>(network, optimizer, parts, loss);
}

}  // namespace sg::apps
