/* hence quantize: store a model's weights in fewer bits. */
#ifndef HN_CLI_CMD_QUANTIZE_H
#define HN_CLI_CMD_QUANTIZE_H

/* argv[0] is the command's name. Returns the program's exit status. */
int hn_cmd_quantize(int argc, char **argv);

#endif
