// einsum: products and sums by letters, as one product of matrices for each pair of tensors.
#include <algorithm>
#include <map>
#include <string>

#include "engine/ops/elementwise.h"

namespace sg {
namespace {

/// A tensor whose axes have names.
struct Lettered {
  Tensor value;
  std::string letters;
};

[[noreturn]] void refuse(std::string_view formula, const std::string& what) { fail("einsum: {}: `{}`", what, formula); }

std::int64_t extent_of(const Lettered& x, char letter) { return x.value.shape()[x.letters.find(letter)]; }

/// Its axes in another order; letters that it lacks are left out.
Lettered ordered(const Lettered& x, const std::string& letters) {
  Axes order;
  std::string found;
  for (char letter : letters) {
    if (const auto at = x.letters.find(letter); at != std::string::npos) {
      order.push_back(static_cast<std::int64_t>(at));
      found += letter;
    }
  }
  return {transpose(x.value, order), found};
}

/// A letter that stands twice takes the diagonal.
Lettered without_repetition(Lettered x) {
  for (std::size_t i = 0; i < x.letters.size(); ++i) {
    const std::size_t j = x.letters.find(x.letters[i], i + 1);
    if (j == std::string::npos) continue;
    Axes order;
    std::string rest;
    for (std::size_t k = 0; k < x.letters.size(); ++k) {
      if (k == i || k == j) continue;
      order.push_back(static_cast<std::int64_t>(k));
      rest += x.letters[k];
    }
    order.push_back(static_cast<std::int64_t>(i));
    order.push_back(static_cast<std::int64_t>(j));
    return without_repetition({diagonal(transpose(x.value, order)), rest + x.letters[i]});
  }
  return x;
}

/// Sums over the letters that nobody needs.
Lettered summed(const Lettered& x, const std::string& needed) {
  Axes axes;
  std::string rest;
  for (std::size_t i = 0; i < x.letters.size(); ++i) {
    if (needed.find(x.letters[i]) == std::string::npos) {
      axes.push_back(static_cast<std::int64_t>(i));
    } else {
      rest += x.letters[i];
    }
  }
  return axes.empty() ? x : Lettered{sum(x.value, axes), rest};
}

/// Both joined: [batch, left, inner] x [batch, inner, right], where inner letters are in both and needed by nobody
/// else.
Lettered joined(const Lettered& a, const Lettered& b, const std::string& needed) {
  std::string batch, left, inner, right;
  for (char letter : a.letters) {
    const bool in_b = b.letters.find(letter) != std::string::npos;
    (!in_b ? left : needed.find(letter) != std::string::npos ? batch : inner) += letter;
  }
  for (char letter : b.letters) {
    if (a.letters.find(letter) == std::string::npos) right += letter;
  }
  const auto count = [](const Lettered& x, const std::string& letters) {
    std::int64_t product = 1;
    for (char letter : letters) product *= extent_of(x, letter);
    return product;
  };
  const std::int64_t m = count(a, left), k = count(a, inner), n = count(b, right), batches = count(a, batch);
  const Tensor product = matmul(reshape(ordered(a, batch + left + inner).value, {batches, m, k}),
                                reshape(ordered(b, batch + inner + right).value, {batches, k, n}));
  Shape shape;
  for (char letter : batch + left) shape.push_back(extent_of(a, letter));
  for (char letter : right) shape.push_back(extent_of(b, letter));
  return {reshape(product, shape), batch + left + right};
}

}  // namespace

Tensor einsum(std::string_view formula, const Tensors& operands) {
  std::vector<std::string> terms(1);
  std::string result;
  bool has_result = false;
  for (std::size_t i = 0; i < formula.size(); ++i) {
    const char c = formula[i];
    if (c == ' ') continue;
    if (c == '-' && i + 1 < formula.size() && formula[i + 1] == '>' && !has_result) {
      has_result = true;
      ++i;
    } else if (c == ',' && !has_result) {
      terms.emplace_back();
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      (has_result ? result : terms.back()) += c;
    } else {
      refuse(formula, "letters, commas and one -> are all it can have");
    }
  }
  if (terms.size() != operands.size()) {
    refuse(formula, fmt::format("{} tensors for {} terms", operands.size(), terms.size()));
  }
  std::map<char, std::int64_t> extents;
  std::map<char, int> uses;
  std::vector<Lettered> parts;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const Tensor& x = operands[i];
    if (x.dtype() != operands[0].dtype()) {
      fail("einsum: dtypes differ: {} and {}", name_of(operands[0].dtype()), name_of(x.dtype()));
    }
    need_floating("einsum", x);
    if (terms[i].size() != x.rank()) refuse(formula, fmt::format("{} for a tensor {}", terms[i], x.shape()));
    for (std::size_t k = 0; k < x.rank(); ++k) {
      const auto [found, added] = extents.emplace(terms[i][k], x.shape()[k]);
      if (found->second != x.shape()[k]) {
        refuse(formula, fmt::format("{} is {} and {}", terms[i][k], found->second, x.shape()[k]));
      }
      ++uses[terms[i][k]];
    }
    parts.push_back(without_repetition({x, terms[i]}));
  }
  if (!has_result) {  // NumPy's rule: the letters that stand once, in the alphabet's order
    for (const auto& [letter, count] : uses) {
      if (count == 1) result += letter;
    }
  }
  for (char letter : result) {
    if (!extents.contains(letter)) refuse(formula, fmt::format("{} of the result is in no term", letter));
    if (std::count(result.begin(), result.end(), letter) > 1) {
      refuse(formula, fmt::format("{} is twice in the result", letter));
    }
  }
  const auto needed_from = [&](std::size_t first) {
    std::string needed = result;
    for (std::size_t i = first; i < parts.size(); ++i) needed += parts[i].letters;
    return needed;
  };
  Lettered all = summed(parts[0], needed_from(1));
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const Lettered next = summed(parts[i], all.letters + needed_from(i + 1));
    all = summed(joined(all, next, needed_from(i + 1)), needed_from(i + 1));
  }
  return ordered(all, result).value;
}

}  // namespace sg
