#!/usr/bin/env python3
"""XGBoost's models, trained here and evaluated by XGBoost and by hence: margins, predictions and leaves
bit for bit, contributions within rounding."""

import json
import sys
import unittest

from trees_run import Trees, main, np

try:
    import xgboost as xgb
except ImportError:
    print("skipped: this Python has no XGBoost (Debian: python3-xgboost)")
    sys.exit(77)


def features(rows, n=8, seed=0, missing=0.1, categories=0):
    """Columns of different scales, as they come in tables; the last two may be categories."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, n)) * rng.choice([0.01, 1, 50, 3000], n)
    x[:, 1] = np.round(x[:, 1])
    x[:, 2] = rng.poisson(3, rows)
    if categories:
        x[:, -1] = rng.integers(0, categories, rows)
        x[:, -2] = rng.integers(0, 5, rows)
    x[rng.random(x.shape) < missing] = np.nan
    return x.astype(np.float32)


def label(x, seed=1):
    """A score that the features determine but for some noise."""
    rng = np.random.default_rng(seed)
    z = np.nan_to_num(x / (np.nanstd(x, axis=0) + 1e-9))
    a, b, c, d = z[:, :4].T if x.shape[1] > 3 else (z[:, 0],) * 4
    return a + np.abs(d) - c * (b > 0) + 0.3 * rng.normal(size=len(x)) + (
        np.isin(x[:, -1], [1, 4, 7, 33]))


def train(objective, y, x, rounds=12, types=None, **params):
    data = xgb.DMatrix(x, y, feature_types=types, enable_categorical=types is not None,
                       feature_names=[f"f{i}" for i in range(x.shape[1])])
    params = {"objective": objective, "max_depth": 5, "nthread": 1, "verbosity": 0, **params}
    groups = params.pop("groups", None)
    if groups:
        data.set_group(groups)
    for name, value in params.pop("info", {}).items():
        data.set_float_info(name, value)
    return xgb.train(params, data, rounds)


class XGBoost(Trees):
    def expected(self, booster, x, types=None):
        """What XGBoost says, by its own matrix, or in place where that takes no infinities."""
        if np.isinf(x).any():
            return {"predictions": booster.inplace_predict(x),
                    "margin": booster.inplace_predict(x, predict_type="margin")}
        data = xgb.DMatrix(x, feature_types=types, enable_categorical=types is not None,
                           feature_names=booster.feature_names)
        leaf = booster.predict(data, pred_leaf=True)
        return {"predictions": booster.predict(data),
                "margin": booster.predict(data, output_margin=True),
                "leaf": leaf.reshape(len(x), -1).astype(np.int32),
                "contributions": booster.predict(data, pred_contribs=True)}

    def check(self, booster, x, types=None, steady=True):
        """Both file forms, all outputs, and rows in any company."""
        want = self.expected(booster, x, types)
        for form in ("json", "ubj"):
            path = self.folder / f"model.{form}"
            booster.save_model(path)
            got = self.run_model(path, x)
            self.assertEqual(got["columns"], booster.feature_names or [])
            self.compare(got, want)
        if steady:
            self.steady(path, x, got)
        return got

    def compare(self, got, want):
        for name, value in want.items():
            if name == "contributions":
                if name in got:
                    scale = max(1, np.abs(value).max())
                    np.testing.assert_allclose(got[name], value, rtol=1e-5, atol=1e-5 * scale)
            else:
                self.same_bits(got[name], value.astype(got[name].dtype), name)

    def test_objectives(self):
        x = features(700)
        score = label(x)
        positive = np.exp(np.clip(score, -3, 3)).astype(np.float32)
        binary = score > 0.3
        share = 1 / (1 + np.exp(-score))
        classes = np.digitize(score, [-1, 0, 1])
        rank = np.clip(np.round(score + 1), 0, 4)
        for objective, y, params in [
                ("reg:squarederror", score, {}),
                ("reg:squaredlogerror", positive, {}),
                ("reg:pseudohubererror", score, {}),
                ("reg:absoluteerror", score, {}),
                ("reg:logistic", share, {}),
                ("binary:logistic", binary, {"base_score": 0.3}),
                ("binary:logitraw", binary, {"base_score": 0.3}),
                ("binary:hinge", binary, {}),
                ("multi:softmax", classes, {"num_class": 4}),
                ("multi:softprob", classes, {"num_class": 4}),
                ("rank:pairwise", rank, {"groups": [70] * 10}),
                ("rank:ndcg", rank, {"groups": [70] * 10}),
                ("count:poisson", np.round(positive), {}),
                ("reg:gamma", positive, {}),
                ("reg:tweedie", positive, {"tweedie_variance_power": 1.3}),
                ("survival:cox", positive * np.where(binary, 1, -1), {}),
                ("survival:aft", positive, {"info": {"label_lower_bound": positive,
                                                     "label_upper_bound": positive * 1.5}})]:
            with self.subTest(objective=objective):
                booster = train(objective, y, x, **params)
                self.check(booster, x, steady=objective in ("multi:softprob", "binary:logistic"))

    def test_values_past_the_training(self):
        x = features(600, missing=0.05)
        booster = train("binary:logistic", label(x) > 0.3, x, rounds=20)
        wild = features(300, seed=5, missing=0.2)
        rng = np.random.default_rng(6)
        for value in (np.inf, -np.inf, 0.0, -0.0, 3e38, 1e-40):
            wild[rng.random(wild.shape) < 0.05] = value
        # Also exactly at thresholds, where < and <= part.
        for tree in booster.get_dump(dump_format="json"):
            node = json.loads(tree)
            while "children" in node:
                row = rng.integers(len(wild))
                wild[row, int(node["split"][1:])] = np.float32(node["split_condition"])
                node = node["children"][rng.integers(2)]
        self.check(booster, wild)
        self.check(booster, np.full((20, 8), np.nan, np.float32))

    def test_no_missing_values_in_training(self):
        x = features(500, missing=0)
        self.check(train("reg:squarederror", label(x), x), features(500, seed=3, missing=0.3))

    def test_categories(self):
        x = features(900, missing=0.05, categories=40)
        types = ["q"] * 6 + ["c", "c"]
        for one_hot in (1, 100):
            booster = train("reg:squarederror", label(x), x, types=types, tree_method="hist",
                            max_cat_to_onehot=one_hot)
            self.check(booster, x, types)
            wild = x.copy()
            rng = np.random.default_rng(7)
            for value in (41, 500, 1e6, -1, -0.5, 3.7, 16777216.0, 3e38):
                wild[rng.random(len(x)) < 0.05, 7] = value
            want = {"margin": booster.inplace_predict(wild, predict_type="margin")}
            got = self.run_model(self.folder / "model.ubj", wild)
            self.compare(got, want)

    def test_dart(self):
        x = features(500)
        booster = train("binary:logistic", label(x) > 0.3, x, booster="dart", rate_drop=0.3,
                        rounds=20)
        self.check(booster, x)
        booster = train("multi:softprob", np.digitize(label(x), [0, 1]), x, booster="dart",
                        rate_drop=0.3, rounds=10, num_class=3)
        self.check(booster, x)

    def test_forests(self):
        x = features(500)
        booster = train("multi:softprob", np.digitize(label(x), [0, 1]), x, rounds=3, num_class=3,
                        num_parallel_tree=4, subsample=0.5)
        self.check(booster, x)

    def test_targets(self):
        x = features(500)
        y = np.stack([label(x), label(x, 2) ** 2, label(x, 3) - 1], axis=1)
        self.check(train("reg:squarederror", y, np.nan_to_num(x)), x)

    def test_shapes(self):
        """Stumps, single leaves, trees deeper and with more leaves than a block takes, leaf by leaf."""
        x = features(3000)
        y = label(x)
        for params in ({"max_depth": 1}, {"gamma": 1e9}, {"max_depth": 14, "min_child_weight": 0},
                       {"max_depth": 0, "grow_policy": "lossguide", "max_leaves": 100,
                        "tree_method": "hist"},
                       {"max_depth": 8, "tree_method": "exact"}, {"tree_method": "approx"}):
            with self.subTest(**params):
                self.check(train("reg:squarederror", y, x, rounds=5, **params), x[:400])

    def test_one_feature_many_thresholds(self):
        """More thresholds of a feature than a byte counts."""
        x = np.random.default_rng(0).normal(size=(4000, 1)).astype(np.float32)
        y = np.sin(40 * x[:, 0])
        booster = train("reg:squarederror", y, x, rounds=8, max_depth=8, tree_method="exact")
        x[::10] = np.nan
        self.check(booster, x)

    def test_best_iteration_is_the_callers(self):
        x = features(400)
        data = xgb.DMatrix(x, label(x), feature_names=[f"f{i}" for i in range(8)])
        booster = xgb.train({"max_depth": 3}, data, 30, evals=[(data, "t")], verbose_eval=False)
        booster.set_attr(best_iteration="4")
        self.check(booster, x)

    def test_empty_model(self):
        x = features(50)
        self.check(train("reg:squarederror", label(x), x, rounds=0), x, steady=False)

    # Files of later versions, made of this one's.

    def changed(self, booster, change):
        path = self.folder / "later.json"
        booster.save_model(path)
        model = json.loads(path.read_text())
        change(model["learner"])
        path.write_text(json.dumps(model))
        return path

    def test_forms_of_base_score(self):
        x = features(300)
        booster = train("binary:logistic", label(x) > 0, x, base_score=0.25)
        want = self.expected(booster, x)
        for form in ("2.5E-1", "[2.5E-1]", "[0.25]", "[ 0.25 ]", 0.25, [0.25]):
            def change(learner, form=form):
                learner["learner_model_param"]["base_score"] = form
            self.compare(self.run_model(self.changed(booster, change), x), want)
        three = train("multi:softprob", np.digitize(label(x), [0, 1]), x, num_class=3)

        def per_class(learner):
            learner["learner_model_param"]["base_score"] = "[1E-1,2E-1,7E-1]"
        got = self.run_model(self.changed(three, per_class), x)["margin"]
        want = self.expected(three, x)["margin"]
        np.testing.assert_allclose(got - want, np.array([[-0.4, -0.3, 0.2]] * 300), atol=1e-6)

    def test_names_of_later_versions(self):
        """Members that 2.x and 3.x added, and those that 1.0 lacked."""
        x = features(300)
        booster = train("reg:squarederror", label(x), x)
        want = self.expected(booster, x)

        def later(learner):
            model = learner["gradient_booster"]["model"]
            model["iteration_indptr"] = list(range(len(model["trees"]) + 1))
            model["cats"] = {"enc": [], "feature_segments": [], "sorted_idx": []}
            for tree in model["trees"]:
                tree["tree_param"]["size_leaf_vector"] = "1"
            learner["learner_model_param"]["num_target"] = "1"
        self.compare(self.run_model(self.changed(booster, later), x), want)

        def earlier(learner):
            for name in ("num_target", "boost_from_average"):
                learner["learner_model_param"].pop(name, None)
            learner.pop("feature_names")
            for tree in learner["gradient_booster"]["model"]["trees"]:
                for name in ("split_type", "categories", "categories_nodes",
                             "categories_segments", "categories_sizes"):
                    tree.pop(name, None)
        self.compare(self.run_model(self.changed(booster, earlier), x), want)

    def test_text_is_laid_out_as_it_likes(self):
        x = features(50)
        booster = train("reg:squarederror", label(x), x, rounds=2)
        path = self.changed(booster, lambda learner: None)
        path.write_text("\n " + json.dumps(json.loads(path.read_text()), indent=1))
        self.compare(self.run_model(path, x), self.expected(booster, x))

    def test_weights_with_the_trees(self):
        """Where 3.4 keeps dart's weights."""
        x = features(300)
        booster = train("reg:squarederror", label(x), x, booster="dart", rate_drop=0.3)

        def change(learner):
            dart = learner["gradient_booster"]
            dart["gbtree"]["model"]["weight_drop"] = dart["weight_drop"]
            learner["gradient_booster"] = dart["gbtree"]
        self.compare(self.run_model(self.changed(booster, change), x), self.expected(booster, x))

    def test_leaves_of_several_targets(self):
        """One tree for two targets, in the form of 2.0 (by node) and of 3.2 (by leaf)."""
        x = features(300)
        booster = train("reg:squarederror", label(x), x)
        want = self.expected(booster, x)["margin"]

        def change(learner, by_leaf):
            learner["learner_model_param"]["num_target"] = "2"
            for tree in learner["gradient_booster"]["model"]["trees"]:
                tree["tree_param"]["size_leaf_vector"] = "2"
                leaves = [c if l < 0 else 0.5 for c, l in
                          zip(tree["split_conditions"], tree["left_children"])]
                if by_leaf:
                    tree["leaf_weights"] = []
                    for i, left in enumerate(tree["left_children"]):
                        if left < 0:
                            tree["right_children"][i] = len(tree["leaf_weights"]) // 2
                            tree["leaf_weights"] += [leaves[i], -2 * leaves[i]]
                else:
                    tree["base_weights"] = [v for c in leaves for v in (c, -2 * c)]
        for by_leaf in (False, True):
            path = self.changed(booster, lambda learner, b=by_leaf: change(learner, b))
            got = self.run_model(path, x)
            self.assertEqual(got["predictions"].shape, (300, 2))
            np.testing.assert_allclose(got["margin"][:, 0], want, atol=1e-6)
            np.testing.assert_allclose(got["margin"][:, 1] - 0.5, -2 * (want - 0.5), atol=1e-5)
            self.steady(path, x, got)

    def test_objectives_of_later_versions(self):
        x = features(300)
        y = np.stack([label(x), label(x, 2), label(x, 3)], axis=1)
        booster = train("reg:squarederror", y, np.nan_to_num(x))
        margin = self.expected(booster, x)["margin"]

        def objective(name, version):
            def change(learner):
                learner["objective"] = {"name": name}
            path = self.changed(booster, change)
            model = json.loads(path.read_text())
            model["version"] = version
            path.write_text(json.dumps(model))
            return self.run_model(path, x)["predictions"]
        self.same_bits(objective("reg:quantileerror", [3, 1, 0]), margin, "quantiles")
        self.same_bits(objective("reg:quantileerror", [3, 4, 0]), np.sort(margin), "sorted")
        rising = objective("reg:expectileerror", [3, 5, 0])
        self.assertTrue((np.diff(rising) > 0).all())
        self.same_bits(objective("my:objective", [3, 0, 0]), margin, "custom")

    def test_hostile_files(self):
        x = features(300, n=4)
        booster = train("reg:squarederror", label(x), x, rounds=2)
        tree = "gradient_booster", "model", "trees", 1

        def put(path, value):
            def change(learner):
                at = learner
                for step in path[:-1]:
                    at = at[step]
                at[path[-1]] = value
            return self.changed(booster, change)
        for path, value, says in [
                ((*tree, "left_children", 0), 10 ** 6, "tree 1, node 0: child 1000000"),
                ((*tree, "left_children", 0), 0, "node 0: child 0 has a parent already"),
                ((*tree, "right_children", 1), 2, "has a parent already"),
                ((*tree, "split_indices", 0), 4, "node 0: feature 4, and the model has 4"),
                ((*tree, "left_children", 0), 1.5, "tree 1: left_children: not a whole number"),
                ((*tree, "right_children"), [], "tree 1: right_children: the list is not as long"),
                ((*tree, "split_conditions"), None, "split_conditions: a list is missing"),
                ((*tree, "left_children"), [], "no nodes"),
                (("gradient_booster", "model", "tree_info", 1), 1, "tree_info: item 1"),
                (("gradient_booster", "name"), "gblinear", "gbtree and dart are read"),
                (("learner_model_param", "num_feature"), "1e30", "num_feature: too large"),
                (("learner_model_param", "base_score"), "[1,2]", "base_score"),
                (("learner_model_param", "base_score"), "x", "base_score")]:
            with self.subTest(path=path):
                self.refused(put(path, value), says)
        booster.save_model(self.folder / "cut.ubj")
        whole = (self.folder / "cut.ubj").read_bytes()
        for n in (1, 40, 1000, len(whole) - 1):
            (self.folder / "cut.ubj").write_bytes(whole[:n] if n > 40 else whole[:n] + b"learner")
            self.refused(self.folder / "cut.ubj", "cut.ubj")


if __name__ == "__main__":
    main()
