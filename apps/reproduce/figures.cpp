// Figures: the list.
#include "apps/reproduce/figures.h"

#include <fmt/format.h>

namespace sg::reproduce {

namespace {

using Words = std::vector<std::string>;

Words split(const std::string& line) {
  Words words;
  std::string word;
  for (const char c : line + " ") {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  return words;
}

Step step(const std::string& name, const std::string& app, const std::string& arguments) {
  return {name, app, split(arguments)};
}

}  // namespace

std::string describe(Rule rule) {
  switch (rule) {
    case Rule::acceleration:
      return "A loss holds when it reaches the L2 run's final test error in at least four of five seeds and its median "
             "acceleration in steps is above 1.1.";
    case Rule::lower_error: return "A loss holds when its median final test error over the seeds is below that of L2.";
    case Rule::frequencies:
      return "Spectral bias is how many times more steps the three highest tones take until half of them is learned "
             "than the three lowest. An order s holds when its median over the seeds is below that of the next lower "
             "s.";
    case Rule::theorems: return "A statement holds when what is measured agrees with what is predicted (see its run).";
  }
  return "";
}

std::vector<Figure> figures(bool full) {
  const std::string fit_seeds = full ? "--seeds 5" : "--seeds 3", picture_seeds = full ? "--seeds 5" : "--seeds 2";
  const auto steps = [&](int quick, int at_length) { return fmt::format("--steps {}", full ? at_length : quick); };
  std::vector<Figure> all;

  Figure points{"points",
                "Test error against the number of training points",
                "With derivatives as targets, fewer training points give the same test error.",
                "sin(10(x+y)) + (x-y)^2 - 1.5x + 2.5y + 1 on [-1, 1]^2, tanh MLP 2-64-64-64-1, Adam at 1e-3 for all "
                "counts of points.",
                Rule::lower_error,
                "test_l2",
                full ? 4.5 : 0.8,
                {}};
  for (const int count : {100, 300, 1000, 3000}) {
    points.steps.push_back(step(fmt::format("points{}", count), "regression",
                                fmt::format("fit --activation tanh --loss l2,h1 --lr 1e-3 --points {} {} {}", count,
                                            steps(1500, 8000), fit_seeds)));
  }
  all.push_back(points);

  all.push_back(
      {"bias",
       "Spectral bias, and how s moves it",
       "Networks learn low frequencies first; losses H^s with s > 0 bring high ones forward, with s < 0 they "
       "hold them back.",
       "A sum of ten tones of equal amplitude on [0, 1], sine MLP 1-64-64-64-1, Adam at 1e-3, the symmetric "
       "frequencies of the Sobolev norm itself.",
       Rule::frequencies,
       "test_l2",
       0.6,
       {step("tones", "regression",
             "spectrum --points 256 --hs-frequencies symmetric --hs-length 40.74 --loss hs-1,hs-0.5,l2,hs0.5,hs1 " +
                 steps(2500, 4000) + " --seeds 5")}});

  Figure pinn{
      "pinn",
      "Physics-informed networks",
      "Residuals measured in H1 and H2 bring a PINN to a given L2 error in fewer steps (Son et al. 2021).",
      "Heat, Burgers, Poisson and advection with closed or reference solutions, tanh MLP 2-64-64-64-1, 1,000 "
      "points inside, Adam at 1e-3; plain sums, but for Poisson, whose parts are balanced at the start by their "
      "gradients' norms.",
      Rule::acceleration,
      "test_l2",
      full ? 37.0 : 2.0,
      {}};
  for (const char* equation : {"heat", "burgers", "poisson", "advection"}) {
    pinn.steps.push_back(
        step(equation, "regression",
             fmt::format("pinn --equation {} --loss {} --weights {} --eval-steps 25 {} {}", equation,
                         full ? "l2,h1,h2" : "l2,h1", equation == std::string("poisson") ? "gradient" : "plain",
                         steps(1000, 5000), fit_seeds)));
  }
  all.push_back(pinn);

  all.push_back({"linear",
                 "The linear model",
                 "Known derivatives lower the condition number and the cost of noise.",
                 "Closed forms against the engine's Hessians, descent and 20,000 draws of noise.",
                 Rule::theorems,
                 "",
                 0.1,
                 {step("linear", "theory", "linear")}});
  all.push_back({"theorems",
                 "The theorems on ReLU nodes",
                 "The H1 flow reaches the teacher sooner than the L2 flow; its Hessian is better conditioned.",
                 "One ReLU node, one squared ReLU node, K nodes and a Toeplitz start: flows and Hessians in f64.",
                 Rule::theorems,
                 "",
                 0.1,
                 {step("flows", "theory", "flow hessian relu2 nodes toeplitz")}});
  all.push_back({"sgd",
                 "Stochastic gradient descent",
                 "The acceleration is there with finite samples as well.",
                 "Fresh samples in every step, 11 seeds side by side.",
                 Rule::theorems,
                 "",
                 0.2,
                 {step("sgd", "theory", "sgd")}});

  all.push_back(
      {"activations",
       "Four activations",
       "The acceleration is there for any smooth activation (tanh, sine, softplus); for ReLU, whose derivative "
       "has jumps, it is smaller or absent.",
       "waves2d from 1,000 random points, MLP 2-64-64-64-1, Adam; balanced weights.",
       Rule::acceleration,
       "test_l2",
       full ? 11.0 : 3.5,
       {step("waves2d", "regression",
             "fit --loss l2,h1,h2 --lr " + std::string(full ? "1e-4 " : "3e-4 ") + steps(2000, 8000) + " --seeds 5")}});

  Figure networks{"networks",
                  "Fourier features and SIREN under Adam, then L-BFGS",
                  "The acceleration is there for other architectures and optimisers.",
                  "A chirp x + sin(2 pi x^4) from 1,000 regular points; Adam at 1e-3, then L-BFGS.",
                  Rule::acceleration,
                  "test_l2",
                  full ? 2.5 : 0.3,
                  {}};
  for (const char* net : {"fourier", "siren"}) {
    networks.steps.push_back(
        step(net, "regression",
             fmt::format("fit --target chirp --net {} --loss l2,h1,h2 --lr 1e-3 --eval-steps 10 --optimizer adam+lbfgs "
                         "--lbfgs-steps {} {} {}",
                         net, full ? 500 : 60, steps(400, 4000), fit_seeds)));
  }
  all.push_back(networks);

  all.push_back({"autoencoder",
                 "An autoencoder of photographs",
                 "The spectral H1 loss brings an autoencoder to a given squared error in fewer steps.",
                 "Ten embedded photographs, whole pictures held out for the test, pieces of 64 x 64; our own network "
                 "in place of the paper's ResNet-18.",
                 Rule::acceleration,
                 "test_mse",
                 full ? 7.0 : 1.3,
                 {step("photographs", "image_autoencoder",
                       "--loss l2,h1 --eval-steps 25 " + std::string(full ? "" : "--steps 300 --cosine-steps 300 ") +
                           picture_seeds)}});

  Figure denoiser{
      "denoiser",
      "A denoiser of digits",
      "Spectral losses bring a denoising autoencoder to a given squared error in fewer steps, also under a "
      "noise that training never showed.",
      "10,000 embedded digits in place of MNIST's 60,000; sine noise and Gaussian noise; the reference code's "
      "one-sided weights, which are no Sobolev norm's (see the table of weights in the run's report).",
      Rule::acceleration,
      "test_mse",
      full ? 12.5 : 1.2,
      {}};
  for (const char* noise : {"sine", "gauss"}) {
    denoiser.steps.push_back(step(noise, "mnist_denoise",
                                  fmt::format("--noise {} --loss l2,h1,h2 --limit-test 500 --eval-steps 15 {} {}",
                                              noise, full ? "--epochs 5" : "--epochs 1", picture_seeds)));
  }
  all.push_back(denoiser);

  all.push_back({"ddim",
                 "A diffusion model",
                 "The spectral H1 loss trains a diffusion model's U-Net sooner.",
                 "Digits of 28 x 28 and a U-Net of width 16 in place of larger pictures.",
                 Rule::acceleration,
                 "test_mse",
                 full ? 120.0 : 5.0,
                 {step("digits", "ddim",
                       std::string("train --loss l2,h1 --sample-every 0 --limit-test 300 --eval-steps 25 ") +
                           (full ? "--fid --fid-count 1000 --seeds 3 " : "--seeds 2 ") + steps(150, 3000))}});

  all.push_back(
      {"derivatives",
       "Exact against estimated derivatives",
       "Derivatives estimated by finite differences, Chebyshev or Fourier differentiation serve as targets "
       "nearly as well as exact ones.",
       "Ackley's function on a grid of 10,000 points, MLP with four hidden layers, Adam at 1e-4, equal times.",
       Rule::acceleration,
       "test_l2",
       full ? 300.0 : 3.1,
       {step("ackley", "regression",
             full ? "derivatives --minutes 60 --seeds 5"
                  : "derivatives --points 1600 --minutes 1 --lr 5e-4 --eval-steps 20 --seeds 3")}});

  all.push_back(
      {"distillation",
       "Distillation",
       "A student that matches a teacher's Jacobian as well learns its values sooner (Czarnecki et al. 2017).",
       "A teacher 2-64-64-64-1 of waves2d, students 2-32-32-1, Adam at 1e-3.",
       Rule::acceleration,
       "test_l2",
       full ? 0.7 : 0.2,
       {step(
           "waves2d", "regression",
           "distill " + steps(1000, 8000) + (full ? "" : " --teacher-steps 1000") + " --eval-steps 25 " + fit_seeds)}});
  return all;
}

}  // namespace sg::reproduce
