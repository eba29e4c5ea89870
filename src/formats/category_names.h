/* The names that categories had where a model was trained: XGBoost's "cats", LightGBM's
 * "pandas_categorical". Both fill forest->category_names. */
#ifndef HN_FORMATS_CATEGORY_NAMES_H
#define HN_FORMATS_CATEGORY_NAMES_H

#include "formats/document.h"
#include "formats/forest.h"

/* XGBoost's, since 3.1: one entry for each feature. `cats` may be NULL: there are none. Errors name `what`. */
enum hn_status hn_category_names_xgb(const struct hn_doc *cats, const char *what,
                                     struct hn_forest *forest, struct hn_error *err);

/* LightGBM's, a list for each categorical column of the table that the model was trained on. Which features
 * these are is told by the parameters behind the trees (`tail`, where the names are too), else by what the
 * values of each feature were (`infos`). Where neither agrees with the lists, no names are taken. */
enum hn_status hn_category_names_lgb(struct hn_str tail, struct hn_str infos, const char *what,
                                     struct hn_forest *forest, struct hn_error *err);

#endif
