#!/usr/bin/env python3
"""LightGBM's model text: random models with everything that the format has, against an evaluator that
reads a tree as LightGBM's own source does; and, where it lies beside the project, a model that LightGBM
trained, with what it predicted."""

import unittest

from trees_run import DATA, Trees, main, np

ZERO = float(np.float32(1e-35))


class Tree:
    """A random tree, its text, and how LightGBM walks it."""

    def __init__(self, rng, n_leaves, n_features, categorical, linear):
        self.rng, self.n, self.linear = rng, n_leaves, linear
        inner = n_leaves - 1
        self.left, self.right = np.zeros(inner, int), np.zeros(inner, int)
        self.feature = rng.integers(0, n_features, inner)
        self.decision = np.array([self.random_decision(f in categorical) for f in self.feature], int)
        self.threshold = np.round(rng.normal(size=inner) * 3, 2)
        self.threshold[rng.random(inner) < 0.1] = 1.0000000180025095e-35
        self.value = rng.normal(size=n_leaves)
        self.sets = []
        for i in np.flatnonzero(self.decision & 1):
            self.threshold[i] = len(self.sets)
            self.sets.append(rng.integers(0, 2 ** 32, rng.integers(1, 4), dtype=np.uint64))
        self.terms = [[(int(f), float(c)) for f, c in
                       zip(rng.permutation(n_features)[:k], rng.normal(size=k))]
                      for k in rng.integers(0, 4, n_leaves)]
        self.constant = rng.normal(size=n_leaves)
        self.count = np.zeros(n_leaves, int)
        self.inner_count = np.zeros(max(inner, 0), int)
        self.grow()

    def random_decision(self, categorical):
        return 1 if categorical else int(self.rng.integers(0, 3)) << 2 | int(self.rng.integers(0, 2)) << 1

    def grow(self):
        """As training does: leaf by leaf, the left half keeping its number."""
        where = {0: None}
        for node in range(self.n - 1):
            leaf = int(self.rng.integers(0, node + 1))
            parent = where[leaf]
            if parent:
                (self.left if parent[1] else self.right)[parent[0]] = node
            self.left[node], self.right[node] = ~leaf, ~(node + 1)
            where[leaf], where[node + 1] = (node, True), (node, False)
        self.count[:] = self.rng.integers(1, 50, self.n)

        def total(child):
            if child < 0:
                return self.count[~child]
            self.inner_count[child] = total(self.left[child]) + total(self.right[child])
            return self.inner_count[child]
        if self.n > 1:
            total(0)

    def text(self, number):
        def line(name, values):
            return f"{name}={' '.join(format(v, '.17g') if isinstance(v, float) else str(v) for v in values)}"
        inner = [] if self.n == 1 else [
            line("split_feature", self.feature), line("split_gain", [1] * (self.n - 1)),
            line("threshold", map(float, self.threshold)), line("decision_type", self.decision),
            line("left_child", self.left), line("right_child", self.right)]
        lines = [f"Tree={number}", f"num_leaves={self.n}", f"num_cat={len(self.sets)}", *inner,
                 line("leaf_value", map(float, self.value)), line("leaf_count", self.count)]
        if self.n > 1:
            lines.append(line("internal_count", self.inner_count))
        if self.sets:
            ends = np.cumsum([0] + [len(s) for s in self.sets])
            lines += [line("cat_boundaries", ends),
                      line("cat_threshold", [int(w) for s in self.sets for w in s])]
        lines.append(f"is_linear={int(self.linear)}")
        if self.linear:
            flat = [t for terms in self.terms for t in terms]
            lines += [line("leaf_const", map(float, self.constant)),
                      line("num_features", map(len, self.terms)),
                      line("leaf_features", [f for f, _ in flat]),
                      line("leaf_coeff", [c for _, c in flat])]
        return "\n".join([*lines, "shrinkage=0.1", "", ""])

    def goes_left(self, node, x):
        kind = self.decision[node]
        if kind & 1:
            if np.isnan(x) or not -1 < x < 2 ** 31:
                return False
            words, category = self.sets[int(self.threshold[node])], int(x)
            return category // 32 < len(words) and bool(int(words[category // 32]) >> category % 32 & 1)
        missing = kind >> 2
        if np.isnan(x) and missing != 2:
            x = 0.0
        if (missing == 1 and abs(x) <= ZERO) or np.isnan(x):
            return bool(kind & 2)
        return x <= self.threshold[node]

    def leaf(self, row):
        node = 0 if self.n > 1 else -1
        while node >= 0:
            node = (self.left if self.goes_left(node, row[self.feature[node]]) else self.right)[node]
        return ~node

    def output(self, row):
        leaf = self.leaf(row)
        if not self.linear:
            return self.value[leaf]
        out = self.constant[leaf]
        for feature, coefficient in self.terms[leaf]:
            if np.isnan(row[feature]):
                return self.value[leaf]
            out += coefficient * row[feature]
        return out


def model_text(trees, n_features, objective, per_iteration=1, average=False):
    return "\n".join(["tree", "version=v4", f"num_class={per_iteration}",
                      f"num_tree_per_iteration={per_iteration}", "label_index=0",
                      f"max_feature_idx={n_features - 1}", *([f"objective={objective}"] if objective else []),
                      *(["average_output"] if average else []),
                      "feature_names=" + " ".join(f"c{i}" for i in range(n_features)),
                      "feature_infos=" + " ".join(["none"] * n_features),
                      "tree_sizes=" + " ".join(["1"] * len(trees)), "",
                      *[t.text(i) for i, t in enumerate(trees)],
                      "end of trees", "", "feature_importances:", "", "parameters:",
                      "[objective: x]", "end of parameters", "", "pandas_categorical:null", ""])


def sigmoid(x, slope=1.0):
    return 1.0 / (1.0 + np.exp(-slope * x))


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class LightGBM(Trees):
    def rows(self, rng, n, n_features):
        x = rng.normal(size=(n, n_features)) * 3
        for value in (np.nan, 0.0, -0.0, 1e-36, -1e-35, 1e-30, np.inf, -np.inf, 7, 40, -0.5, -1, 1e9):
            x[rng.random(x.shape) < 0.04] = value
        return np.where(rng.random(x.shape) < 0.3, np.round(x, 2), x)

    def check(self, seed, objective, link, sizes=(1, 2, 5, 31, 31, 63), per_iteration=1,
              linear=False, average=False, n_features=6):
        rng = np.random.default_rng(seed)
        trees = [Tree(rng, sizes[i % len(sizes)], n_features, (4, 5), linear)
                 for i in range(6 * per_iteration)]
        path = self.folder / "model.txt"
        path.write_text(model_text(trees, n_features, objective, per_iteration, average))
        x = self.rows(rng, 150, n_features)
        if linear:
            x[np.isinf(x)] = 100  # infinities would cancel to NaN
        margin = np.zeros((len(x), per_iteration))
        for i, tree in enumerate(trees):
            margin[:, i % per_iteration] += [tree.output(row) for row in x]
        leaf = np.array([[t.leaf(row) for t in trees] for row in x], np.int32)
        got = self.run_model(path, x)
        if per_iteration == 1:
            margin = margin[:, 0]
        self.assertEqual(got["columns"], [f"c{i}" for i in range(n_features)])
        self.same_bits(got["leaf"], leaf, "leaf")
        self.same_bits(got["margin"], margin, "margin")
        mean = margin / 6 if average else margin
        np.testing.assert_allclose(got["predictions"], link(mean), rtol=1e-14, atol=1e-300)
        self.assertEqual("contributions" in got, not linear)
        if not linear:
            np.testing.assert_allclose(got["contributions"].sum(axis=-1), margin, atol=1e-9)
        self.steady(path, x, got)

    def test_objectives(self):
        for seed, (objective, link) in enumerate({
                "regression": lambda m: m, "regression_l1": lambda m: m, "huber": lambda m: m,
                "quantile": lambda m: m, "mape": lambda m: m, "lambdarank": lambda m: m,
                "regression sqrt": lambda m: np.sign(m) * m * m, "": lambda m: m,
                "binary sigmoid:1": sigmoid, "binary sigmoid:0.7": lambda m: sigmoid(m, 0.7),
                "cross_entropy": sigmoid, "cross_entropy_lambda": lambda m: np.log1p(np.exp(m)),
                "poisson": np.exp, "gamma": np.exp, "tweedie": np.exp, "custom": lambda m: m}.items()):
            with self.subTest(objective=objective):
                self.check(seed, objective, link, sizes=(1, 2, 5, 31))

    def test_classes(self):
        self.check(100, "multiclass num_class:3", softmax, per_iteration=3)
        self.check(101, "multiclassova num_class:3 sigmoid:2", lambda m: sigmoid(m, 2), per_iteration=3)

    def test_linear_trees(self):
        self.check(110, "regression", lambda m: m, linear=True)
        self.check(111, "regression", lambda m: m, linear=True, sizes=(1, 300, 4))

    def test_random_forests(self):
        self.check(120, "binary sigmoid:1", sigmoid, average=True)

    def test_large_trees(self):
        self.check(130, "regression", lambda m: m, sizes=(255, 256, 257, 700), n_features=3)

    def test_contributions(self):
        """Against the definition: every subset of features known, others averaged by counts."""
        rng = np.random.default_rng(5)
        trees = [Tree(rng, 9, 4, (3,), False) for _ in range(3)]
        path = self.folder / "model.txt"
        path.write_text(model_text(trees, 4, "regression"))
        x = self.rows(rng, 12, 4)

        def known(tree, row, subset, node):
            if node < 0:
                return tree.value[~node]
            left, right = tree.left[node], tree.right[node]
            if subset >> tree.feature[node] & 1:
                return known(tree, row, subset,
                             left if tree.goes_left(node, row[tree.feature[node]]) else right)
            share = [tree.inner_count[c] if c >= 0 else tree.count[~c] for c in (left, right)]
            return sum(s * known(tree, row, subset, c) for s, c in zip(share, (left, right))) / sum(share)
        weight = [1 / 4, 1 / 12, 1 / 12, 1 / 4]
        want = np.zeros((12, 5))
        for r, row in enumerate(x):
            value = [sum(known(t, row, s, 0) for t in trees) for s in range(16)]
            want[r, 4] = value[0]
            for f in range(4):
                want[r, f] = sum(weight[bin(s).count("1")] * (value[s | 1 << f] - value[s])
                                 for s in range(16) if not s >> f & 1)
        np.testing.assert_allclose(self.run_model(path, x)["contributions"], want, atol=1e-12)

    def test_hostile_files(self):
        rng = np.random.default_rng(3)
        tree = Tree(rng, 5, 4, (), False)
        good = model_text([tree], 4, "regression")
        for find, put, says in [
                ("max_feature_idx=3", "max_feature_idx=x", "max_feature_idx"),
                ("max_feature_idx=3", "max_feature_idx=99999999999", "max_feature_idx"),
                ("max_feature_idx=3", "max_feature_idx=4", "feature_names"),
                ("num_leaves=5", "num_leaves=2000000000", "tree 0: num_leaves: not a count"),
                ("num_leaves=5", "num_leaves=1000000000", "tree 0: leaf_value"),
                ("num_leaves=5", "num_leaves=6", "tree 0: split_feature"),
                ("left_child=", "left_child=9 ", "tree 0: left_child"),
                ("left_child=", "left_child=0 ", "child 0 has a parent already"),
                ("split_feature=", "split_feature=4 ", "feature 4, and the model has 4"),
                ("decision_type=", "decision_type=1 ", "a set of categories"),
                ("decision_type=", "decision_type=12 ", "an unknown kind"),
                ("leaf_value=", "leaf_value=x ", "tree 0: leaf_value")]:
            with self.subTest(put=put):
                path = self.folder / "bad.txt"
                path.write_text(good.replace(find, put, 1))
                self.refused(path, says)

    def test_cut_files(self):
        """A file that was not written or copied to its end is no smaller model."""
        rng = np.random.default_rng(3)
        good = model_text([Tree(rng, 5, 4, (), False) for _ in range(3)], 4, "regression")
        path = self.folder / "cut.txt"
        end = good.index("end of trees")
        last = good.index("shrinkage", good.index("Tree=2"))
        for cut, says in [(good.index("feature_infos"), "ends before"), (good.index("Tree=0"), "3 of them, but 0"),
                          (good.index("Tree=2"), "3 of them, but 2"), (last, "ends before"), (end, "ends before")]:
            with self.subTest(cut=cut):
                path.write_text(good[:cut])
                self.refused(path, says)
        # What stands behind the trees says nothing about them; early versions did not count them.
        whole = self.run_model_text(good)
        for text in (good[:end + 12], good[:end].replace("tree_sizes=1 1 1\n", "")):
            self.same_bits(self.run_model_text(text), whole, "margin")
        none = good[:good.index("Tree=0")].replace("tree_sizes=1 1 1", "tree_sizes=")
        self.assertEqual(self.run_model_text(none + "end of trees\n").tolist(), [0])

    def run_model_text(self, text):
        path = self.folder / "model.txt"
        path.write_text(text)
        return self.run_model(path, np.ones((1, 4)))["margin"]

    def test_trained_model(self):
        folder = DATA / "trees"
        if not folder.exists():
            self.skipTest("no trained model beside the project")
        x = np.load(folder / "binary_100x6.X.npy")
        path = folder / "binary_100x6.lightgbm.txt"
        got = self.run_model(path, x)
        self.same_bits(got["margin"], np.load(folder / "binary_100x6.margin.npy"), "margin")
        self.same_bits(got["predictions"], np.load(folder / "binary_100x6.pred.npy"), "predictions")
        np.testing.assert_allclose(got["contributions"].sum(axis=1), got["margin"], atol=1e-11)
        self.steady(path, x[:300], {k: v[:300] for k, v in got.items()})


if __name__ == "__main__":
    main()
