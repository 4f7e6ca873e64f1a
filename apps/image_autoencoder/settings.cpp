// Settings: declaring the options, and checking them against each other.
#include "apps/image_autoencoder/settings.h"

#include <algorithm>

namespace sg::image_autoencoder {

namespace {

constexpr std::int64_t kLargestSide = 2048;

}  // namespace

void add_options(apps::OptionParser& parser, Settings& s) {
  parser.group("Network");
  parser.add("--net", s.net,
             "photo (192,499 parameters; 16 latents for 48 numbers of the picture), or the reference's: resnet18-light "
             "(389,958; 64 latents for 48 numbers, so more than the picture has) and resnet18 (22,351,110; 512 for "
             "3,072)",
             apps::one_of(net_names()));
  parser.add_path("--init-encoder", s.init_encoder,
                  "starting weights of the encoder: torchvision's ResNet-18 as a safetensors file; its fc. is ignored");
  parser.group("Pieces of pictures");
  parser.add("--size", s.size, "side of the square pieces, a multiple of 4, of 32 for resnet18",
             apps::between<std::int64_t>(4, kLargestSide));
  parser.add("--crops", s.crops, "pieces of a larger picture: random, center or tile (as many as fit side by side)",
             apps::one_of({"random", "center", "tile"}));
  parser.add("--pieces", s.pieces,
             "random pieces that a larger picture gives in an epoch; 0: one of a picture of --data, as many as tiles "
             "of an embedded photograph",
             apps::between<std::int64_t>(0, 1 << 16));
  parser.add_flag("--flip", s.flip, "left and right of training pieces changed at random");
  parser.add_path("--test-data", s.test_data,
                  "folder of test pictures, or of IDX files, whose t10k set tests; empty: --test-fraction of --data");
  parser.add("--test-fraction", s.test_fraction,
             "part of a folder's pictures that tests, by whole pictures; of IDX files their t10k set does; 0: none",
             apps::between<double>(0, 0.9));
  parser.group("Further parts of the loss");
  parser.add("--weight-decay", s.weight_decay, "added to the gradients times the weights, as in PyTorch's Adam",
             apps::at_least<double>(0));
  parser.add("--exact-directions", s.exact_directions,
             "K: adds to the loss h1 the mean of |J v - v|^2 over K random smooth directions v of the input, J v being "
             "the exact derivative of the "
             "output along v (forward mode, through the batch's statistics, pooling and interpolation); it is v itself "
             "for a network that gives "
             "back its input",
             apps::between<std::int64_t>(0, 64));
  parser.add("--exact-weight", s.exact_weight, "weight of that mean; directions have a mean square of 1",
             apps::more_than<double>(0));
}

const std::vector<std::string>& net_names() {
  static const std::vector<std::string> names{"photo", "resnet18-light", "resnet18"};
  return names;
}

std::unique_ptr<nn::PictureAutoencoder> make_net(const std::string& net) {
  if (net == "photo") return std::make_unique<nn::PhotoAutoencoder>();
  return std::make_unique<nn::ResnetAutoencoder>(net == "resnet18" ? nn::ResnetKind::resnet18 : nn::ResnetKind::light);
}

void check_side(const std::string& option, std::int64_t side, const std::string& net) {
  const std::int64_t multiple = make_net(net)->side_multiple();
  if (side < multiple || side % multiple != 0) {
    fail("{}: {} is not a multiple of {}, which {} needs", option, side, multiple, net);
  }
}

void check_options(const Settings& s) {
  check_side("--size", s.size, s.net);
  if (!s.init_encoder.empty() && s.net == "photo") fail("--init-encoder: is for --net resnet18-light and resnet18");
  if (!s.init_encoder.empty()) apps::check_exists("--init-encoder", s.init_encoder);
  if (!s.init_encoder.empty() && !s.common.init.empty()) {
    fail("--init-encoder: --init gives the encoder's weights already");
  }
  const auto& losses = s.common.losses;
  if (s.exact_directions > 0 && std::find(losses.begin(), losses.end(), "h1") == losses.end()) {
    fail("--exact-directions: belongs to the loss h1, which --loss does not have");
  }
}

}  // namespace sg::image_autoencoder
