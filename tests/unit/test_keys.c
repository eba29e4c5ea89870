/* API keys: made, kept as hashes, found again, changed under a running server. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/file.h"
#include "server/key_file.h"
#include "server/keys.h"

static char folder[] = "/tmp/hence-keys-XXXXXX", path[64];

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/keys", folder);
}

static void teardown(void)
{
    unlink(path);
    rmdir(folder);
}

/* Adds a key and returns its text. */
static const char *add(const char *name, struct hn_limit limit)
{
    static char texts[8][HN_KEY_TEXT + 1];
    static size_t n;
    char *text = texts[n++ % HN_COUNT(texts)];
    struct hn_key key = {.limit = limit, .weight = 1};
    struct hn_error err = {0};
    strcpy(key.name, name);
    ck_assert_msg(hn_keys_add(path, &key, text, &err) == HN_OK, "%s", err.text);
    return text;
}

static struct hn_keys *open_keys(void)
{
    struct hn_keys *keys;
    struct hn_error err = {0};
    ck_assert_msg(hn_keys_open(path, NULL, NULL, &keys, &err) == HN_OK, "%s", err.text);
    return keys;
}

static bool knows(struct hn_keys *keys, const char *text)
{
    struct hn_caller caller;
    return hn_keys_find(keys, hn_str_from(text), &caller);
}

static void write_file(const char *text)
{
    ck_assert_int_eq(hn_file_write(path, text, strlen(text), NULL), HN_OK);
}

START_TEST(the_hash_is_sha256)
{
    /* FIPS 180-2, "abc", cut into salt and text. */
    static const char wanted[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    uint8_t hash[HN_DIGEST];
    char hex[2 * HN_DIGEST + 1];
    ck_assert(hn_digest((const uint8_t *)"a", 1, HN_STR("bc"), hash));
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    ck_assert_str_eq(hex, wanted);
}
END_TEST

START_TEST(a_key_is_known_and_nothing_near_it)
{
    const char *text = add("alice", (struct hn_limit){60, 1000, 2});
    add("bob", (struct hn_limit){0});
    struct hn_keys *keys = open_keys();
    struct hn_caller caller;
    ck_assert(hn_keys_find(keys, hn_str_from(text), &caller));
    ck_assert_str_eq(caller.key.name, "alice");
    ck_assert_uint_eq(caller.key.limit.requests, 60);
    ck_assert_uint_eq(caller.key.limit.tokens, 1000);
    ck_assert_uint_eq(caller.key.limit.concurrent, 2);
    ck_assert_int_eq(caller.key.role, HN_ROLE_USER);
    ck_assert_int_eq(strlen(text), HN_KEY_TEXT);
    for (size_t i = 0; i < HN_KEY_TEXT; i++) {
        char near[HN_KEY_TEXT + 1];
        strcpy(near, text);
        near[i] = near[i] == 'a' ? 'b' : 'a';
        ck_assert_msg(!knows(keys, near), "with byte %zu changed", i);
        ck_assert(!hn_keys_find(keys, (struct hn_str){text, i}, &caller));
    }
    ck_assert(!knows(keys, ""));
    ck_assert_uint_eq(hn_keys_count(keys), 2);
    hn_keys_close(keys);
}
END_TEST

START_TEST(the_file_is_private_and_holds_no_secret)
{
    struct hn_buf content = {0};
    struct stat st;
    const char *text = add("alice", (struct hn_limit){0});
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(hn_file_read(path, 1 << 20, &content, NULL), HN_OK);
    ck_assert_ptr_null(strstr(content.p, text + HN_KEY_TEXT - 52));
    hn_buf_free(&content);
    /* What others could read or write is closed again; what the group may read stays. */
    ck_assert_int_eq(chmod(path, 0666), 0);
    add("bob", (struct hn_limit){0});
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0640);
}
END_TEST

START_TEST(comments_and_other_lines_stay_as_they_are)
{
    struct hn_buf before = {0}, after = {0};
    struct hn_key key;
    add("alice", (struct hn_limit){0});
    add("bob", (struct hn_limit){7, 0, 0});
    ck_assert_int_eq(hn_file_read(path, 1 << 20, &before, NULL), HN_OK);
    hn_buf_text(&before, "\n# the last   line, without an end");
    write_file(before.p);
    const char *text = add("carol", (struct hn_limit){0});
    ck_assert_int_eq(hn_keys_revoke(path, "carol", &key, NULL), HN_OK);
    ck_assert_int_eq(hn_file_read(path, 1 << 20, &after, NULL), HN_OK);
    ck_assert(hn_str_starts(hn_buf_view(&after), hn_buf_view(&before)));
    struct hn_keys *keys = open_keys();
    ck_assert(!knows(keys, text));
    ck_assert_uint_eq(hn_keys_count(keys), 2);
    hn_keys_close(keys);
    hn_buf_free(&before);
    hn_buf_free(&after);
}
END_TEST

START_TEST(names_in_use_are_taken_once)
{
    struct hn_error err;
    struct hn_key key = {.name = "alice", .weight = 1}, out;
    char text[HN_KEY_TEXT + 1];
    add("alice", (struct hn_limit){0});
    ck_assert_int_eq(hn_keys_add(path, &key, text, &err), HN_E_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "there is a key of the name alice"));
    ck_assert_int_eq(hn_keys_revoke(path, "alice", &out, &err), HN_OK);
    ck_assert_int_eq(hn_keys_revoke(path, "alice", &out, &err), HN_E_NOTFOUND);
    ck_assert_int_eq(hn_keys_add(path, &key, text, &err), HN_OK);
    ck_assert_int_eq(hn_keys_revoke(path, key.id, &out, &err), HN_OK);
    strcpy(key.name, "two words");
    ck_assert_int_eq(hn_keys_add(path, &key, text, &err), HN_E_ARG);
}
END_TEST

/* A list with an error in line 3. */
#define LINES(third)                                                                               \
    "# keys\n"                                                                                     \
    "aaaaaaaa  a  user  2026-01-02T03:04:05Z  sha256:" SALT ":" HASH "\n" third "\n"
#define SALT "00112233445566778899aabbccddeeff"
#define HASH SALT SALT
#define GOOD "bbbbbbbb b user 2026-01-02T03:04:05Z sha256:" SALT ":" HASH

START_TEST(errors_name_the_line)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"bbbbbbbb b user", "line 3: a key is ID NAME"},
        {"bbbbbbb b user 2026-01-02T03:04:05Z x", "line 3: the first field must be an id"},
        {"bbbbbbb1 b user 2026-01-02T03:04:05Z x", "line 3: the first field must be an id"},
        {"bbbbbbbb b\x01 user", "line 3: a key's name is"},
        {"bbbbbbbb b boss", "line 3: a key's role is user or admin"},
        {"bbbbbbbb b user 2026-02-31T03:04:05Z", "line 3: the fourth field must be a time"},
        {"bbbbbbbb b user 2026-01-02T03:04:05Z sha256:" SALT ":" SALT, "line 3: the fifth field"},
        {"bbbbbbbb b user 2026-01-02T03:04:05Z md5:" SALT ":" HASH, "line 3: the fifth field"},
        {GOOD "0", "line 3: the fifth field"},
        {GOOD " rpm=-1", "line 3: rpm=-1: not a number"},
        {GOOD " rpm=4294967296", "line 3: rpm=4294967296: not a number"},
        {GOOD " tpm=", "line 3: tpm=: not a number"},
        {GOOD " weight=0", "line 3: weight=0: not a number"},
        {GOOD " weight=nan", "line 3: weight=nan: not a number"},
        {GOOD " speed=9", "line 3: speed=9: not one of rpm"},
        {GOOD " =", "line 3: =: not one of rpm"},
        {GOOD " fast", "line 3: fast: not one of rpm"},
        {GOOD " rpm", "line 3: rpm: not a number"},
        {GOOD " revoked=yesterday", "line 3: revoked=yesterday must be a time"},
        {"aaaaaaaa b user 2026-01-02T03:04:05Z sha256:" SALT ":" HASH,
         "line 3: the id of line 2 again"},
    };
    for (size_t i = 0; i < HN_COUNT(cases); i++) {
        struct hn_buf text = {0};
        struct hn_key_list list;
        struct hn_error err = {0};
        hn_buf_printf(&text, LINES("%s"), cases[i].line);
        ck_assert_int_eq(hn_key_list_parse(hn_buf_view(&text), "keys", &list, &err), HN_E_FORMAT);
        ck_assert_msg(strstr(err.text, cases[i].says), "%s: %s", cases[i].line, err.text);
        hn_buf_free(&text);
    }
}
END_TEST

START_TEST(a_line_says_all_of_a_key)
{
    struct hn_key_list list;
    struct hn_error err = {0};
    static const char text[] =
        LINES("\t" GOOD "\t rpm=1 tpm=2 concurrent=3 weight=0.5 revoked=2026-02-03T04:05:06Z\r");
    ck_assert_msg(hn_key_list_parse(hn_str_from(text), "keys", &list, &err) == HN_OK, "%s",
                  err.text);
    ck_assert_uint_eq(list.n, 2);
    const struct hn_key *key = &list.keys[1];
    ck_assert_str_eq(key->id, "bbbbbbbb");
    ck_assert_uint_eq(key->limit.requests, 1);
    ck_assert_uint_eq(key->limit.tokens, 2);
    ck_assert_uint_eq(key->limit.concurrent, 3);
    ck_assert_float_eq(key->weight, 0.5f);
    ck_assert_int_eq(key->created_ms, INT64_C(1767323045000));
    ck_assert_int_eq(key->revoked_ms, INT64_C(1770091506000));
    ck_assert_uint_eq(key->salt[1], 0x11);
    ck_assert_uint_eq(key->hash[31], 0xff);
    hn_key_list_free(&list);
}
END_TEST

START_TEST(a_running_server_takes_changes_and_keeps_what_was_used)
{
    struct hn_key out;
    struct hn_caller caller, again;
    const char *alice = add("alice", (struct hn_limit){2, 0, 0});
    struct hn_keys *keys = open_keys();
    const char *bob = add("bob", (struct hn_limit){0});
    ck_assert(hn_keys_find(keys, hn_str_from(alice), &caller));
    ck_assert(hn_quota_admit(caller.quota, 0, hn_clock_ns()).may_go);
    ck_assert(hn_quota_admit(caller.quota, 0, hn_clock_ns()).may_go);
    ck_assert_int_eq(hn_keys_reload(keys, NULL), HN_OK);
    ck_assert(knows(keys, bob));
    ck_assert(hn_keys_find(keys, hn_str_from(alice), &again));
    ck_assert_ptr_eq(caller.quota, again.quota);
    ck_assert(!hn_quota_admit(again.quota, 0, hn_clock_ns()).may_go);
    ck_assert_int_eq(hn_keys_revoke(path, "alice", &out, NULL), HN_OK);
    ck_assert_int_eq(hn_keys_reload(keys, NULL), HN_OK);
    ck_assert(!knows(keys, alice));
    hn_quota_settle(caller.quota, 0, 1, hn_clock_ns()); /* what still ran then */
    hn_keys_close(keys);
}
END_TEST

START_TEST(a_change_is_noticed_without_a_word)
{
    add("alice", (struct hn_limit){0});
    struct hn_keys *keys = open_keys();
    const char *bob = add("bob", (struct hn_limit){0});
    bool known = false;
    for (int i = 0; i < 600 && !known; i++) {
        known = knows(keys, bob);
        usleep(20000);
    }
    ck_assert(known);
    hn_keys_close(keys);
}
END_TEST

static void complain(void *ctx, const char *text)
{
    snprintf(ctx, 200, "%s", text);
}

START_TEST(a_file_that_became_wrong_changes_nothing)
{
    char heard[200] = "";
    struct hn_error err;
    struct hn_keys *keys;
    const char *alice = add("alice", (struct hn_limit){0});
    ck_assert_int_eq(hn_keys_open(path, complain, heard, &keys, NULL), HN_OK);
    write_file("# nothing wrong so far\nnonsense\n");
    ck_assert_int_eq(hn_keys_reload(keys, &err), HN_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "/keys: line 2: "));
    ck_assert(knows(keys, alice));
    unlink(path);
    ck_assert_int_eq(hn_keys_reload(keys, &err), HN_E_NOTFOUND);
    write_file("more nonsense\n");
    for (int i = 0; i < 600 && !*heard; i++) {
        ck_assert(knows(keys, alice));
        usleep(20000);
    }
    ck_assert_ptr_nonnull(strstr(heard, "/keys: line 1: "));
    hn_keys_close(keys);
    ck_assert_int_eq(hn_keys_open(path, NULL, NULL, &keys, &err), HN_E_FORMAT);
    ck_assert_ptr_null(keys);
}
END_TEST

static void *reload_often(void *keys)
{
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(hn_keys_reload(keys, NULL), HN_OK);
    return NULL;
}

START_TEST(keys_are_found_while_the_file_is_read)
{
    pthread_t threads[2];
    const char *alice = add("alice", (struct hn_limit){0});
    struct hn_keys *keys = open_keys();
    for (size_t i = 0; i < HN_COUNT(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, reload_often, keys), 0);
    for (int i = 0; i < 500; i++)
        ck_assert(knows(keys, alice));
    for (size_t i = 0; i < HN_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    hn_keys_close(keys);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("keys");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, the_hash_is_sha256);
    tcase_add_test(tcase, a_key_is_known_and_nothing_near_it);
    tcase_add_test(tcase, the_file_is_private_and_holds_no_secret);
    tcase_add_test(tcase, comments_and_other_lines_stay_as_they_are);
    tcase_add_test(tcase, names_in_use_are_taken_once);
    tcase_add_test(tcase, errors_name_the_line);
    tcase_add_test(tcase, a_line_says_all_of_a_key);
    tcase_add_test(tcase, a_running_server_takes_changes_and_keeps_what_was_used);
    tcase_add_test(tcase, a_change_is_noticed_without_a_word);
    tcase_add_test(tcase, a_file_that_became_wrong_changes_nothing);
    tcase_add_test(tcase, keys_are_found_while_the_file_is_read);
    return run_unit("keys", tcase);
}
