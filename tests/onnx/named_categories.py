"""Models whose files tell how categories were called: LightGBM's, and XGBoost's since 3.1."""

import json

# The city's codes 0 and 2 are worth 1; the others 2 up to an age of 30, and 3 above. Size code 1 adds 100, others 200.
LIGHTGBM = """tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=2
objective=regression
feature_names=city age size
feature_infos=1:0:2 [0:99] 0:1
tree_sizes=1 1

Tree=0
num_leaves=3
num_cat=1
split_feature=0 1
threshold=0 30
decision_type=9 10
left_child=-1 -2
right_child=1 -3
leaf_value=1 2 3
leaf_count=3 3 4
internal_count=10 7
cat_boundaries=0 1
cat_threshold=5

Tree=1
num_leaves=2
num_cat=1
split_feature=2
threshold=0
decision_type=9
left_child=-1
right_child=-2
leaf_value=100 200
leaf_count=5 5
internal_count=10
cat_boundaries=0 1
cat_threshold=2

end of trees

feature_importances:
city=1

parameters:
[boosting: gbdt]
[categorical_feature: PARAMETER]
end of parameters

pandas_categorical:CATEGORIES
"""


def lightgbm(categories=(("Bern", "Chur", "Zug"), (10, 20)), parameter="0,2"):
    """Categories are None, or a list for each column."""
    text = LIGHTGBM.replace("CATEGORIES", json.dumps(categories))
    return text.replace("[categorical_feature: PARAMETER]\n", "" if parameter is None else
                        f"[categorical_feature: {parameter}]\n")


def texts(*names):
    """A column's names as XGBoost has them."""
    data = [name.encode() for name in names]
    return {"offsets": [sum(map(len, data[:i])) for i in range(len(data) + 1)] if data else [],
            "values": [byte - 256 if byte > 127 else byte for byte in b"".join(data)]}


def xgboost(enc=None, **cats):
    """City codes 0 and 2 come to 1, others to 2; size code 1 adds 100, others 200; the age counts for nothing."""
    enc = [texts("Zürich", "Chur", "Zug"), texts(), {"type": 15, "values": [10, -20]}] if enc is None else enc

    def tree(number, feature, categories, left, right):
        # Those in the set go right.
        return {"base_weights": [0, left, right], "categories": categories, "categories_nodes": [0],
                "categories_segments": [0], "categories_sizes": [len(categories)], "default_left": [1, 0, 0],
                "id": number, "left_children": [1, -1, -1], "right_children": [2, -1, -1], "loss_changes": [1, 0, 0],
                "parents": [2147483647, 0, 0], "split_conditions": [0, left, right], "split_indices": [feature, 0, 0],
                "split_type": [1, 0, 0], "sum_hessian": [10, 4, 6],
                "tree_param": {"num_deleted": "0", "num_feature": "3", "num_nodes": "3", "size_leaf_vector": "1"}}

    return {"learner": {
        "attributes": {}, "feature_names": ["city", "age", "size"], "feature_types": ["c", "float", "c"],
        "gradient_booster": {"name": "gbtree", "model": {
            "cats": {"enc": enc, "feature_segments": [0, 3, 3, 5], "sorted_idx": [1, 2, 0, 1, 0], **cats},
            "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": "2"}, "iteration_indptr": [0, 1, 2],
            "tree_info": [0, 0], "trees": [tree(0, 0, [0, 2], 2, 1), tree(1, 2, [1], 200, 100)]}},
        "learner_model_param": {"base_score": "[0E0]", "boost_from_average": "1", "num_class": "0",
                                "num_feature": "3", "num_target": "1"},
        "objective": {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}}}, "version": [3, 1, 0]}
