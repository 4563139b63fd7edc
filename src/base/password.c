#include <leat/password.h>

int leat_password_validate(const struct leat_password *p, struct leat_err *err)
{
    if (!!p->file + !!p->env + !!p->credential > 1)
        return leat_fail(err, LEAT_ECONFIG,
                         "password_file, password_env and password_credential exclude each other");
    return LEAT_OK;
}

int leat_password_read(const struct leat_password *p, char *ret_text, size_t max, bool *ret_given,
                       struct leat_err *err)
{
    *ret_given = true;
    if (p->file)
        return leat_secret_file(p->file, ret_text, max, err);
    if (p->env)
        return leat_secret_env(p->env, ret_text, max, err);
    if (p->credential)
        return leat_secret_credential(p->credential, ret_text, max, err);
    *ret_given = false;
    ret_text[0] = '\0';
    return LEAT_OK;
}
