// A classifier of the embedded digits, with dropout; fails when it does not learn them.
#include <sobograd/sobograd.h>

#include <cstdio>

using namespace sg;

namespace {

/// Rows [first, first + count) of a set of pictures in [0, 1], as [count, 784].
Tensor pictures(const data::MemoryPictures& set, std::int64_t first, std::int64_t count) {
  std::vector<float> values;
  for (std::uint8_t byte : set.bytes().subspan(first * 784, count * 784)) values.push_back(byte / 255.0f);
  return tensor(values, {count, 784});
}

Tensor classes(const std::vector<std::uint8_t>& labels, std::int64_t first, std::int64_t count) {
  return tensor(std::vector<std::int64_t>(labels.begin() + first, labels.begin() + first + count), {count});
}

}  // namespace

int main() {
  const data::Digits digits = data::embedded_digits();
  nn::Sequential network;
  network.add<nn::Linear>(784, 64).add<nn::ReLU>().add<nn::Dropout>(0.2).add<nn::Linear>(64, 10);
  network.initialise(1);
  std::printf("%s", network.summary().c_str());

  nn::AdamW optimizer(network, {.learning_rate = 3e-3});
  // Biases do not decay.
  optimizer.add_group({.parameters = {&network.slot("0.bias"), &network.slot("3.bias")}, .weight_decay = 0});
  const std::int64_t batch = 100;
  for (std::int64_t step = 0; step < 160; ++step) {
    const std::int64_t first = step * batch % digits.train.size();
    const Tensor loss = losses::cross_entropy(network(pictures(digits.train, first, batch)),
                                              classes(digits.train_labels, first, batch), {.label_smoothing = 0.05});
    optimizer.minimise(loss);
    if (step % 40 == 0) std::printf("step %3d loss %.3f\n", int(step), loss.item());
  }

  network.eval();  // no dropout
  const std::int64_t count = digits.test.size();
  const Tensor found = argmax(network(pictures(digits.test, 0, count)), 1);
  const double right = mean(cast(equal(found, classes(digits.test_labels, 0, count)), f64)).item();
  std::printf("%.1f%% of %d test digits\n", 100 * right, int(count));
  return right > 0.88 ? 0 : 1;
}
