/* What a good C program does with a reel and OpenSSL: verify each leaf's signature, build a certificate, sign it.
 *
 *     cc -O2 -o openssl_peer openssl_peer.c -lcrypto
 *     openssl_peer LEAVES ROOT.pem ISSUING.pem ISSUING.key.pem THREADS
 *
 * In memory, as python_peer.py, with one process a thread: nothing is unpacked, checked again, recorded or packed. LEAVES
 * holds leaves in DER, each behind its length in four bytes, big-endian. Prints certificates, wall seconds and CPU
 * seconds. */

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "%s fails\n", what);
        exit(1);
    }
}

static X509 *certificate(const char *path) {
    FILE *file = fopen(path, "r");
    check(file != NULL, path);
    X509 *read = PEM_read_X509(file, NULL, NULL, NULL);
    check(read != NULL, path);
    fclose(file);
    return read;
}

static void extension(X509 *made, X509V3_CTX *context, int nid, const char *value) {
    X509_EXTENSION *built = X509V3_EXT_conf_nid(NULL, context, nid, value);
    check(built != NULL && X509_add_ext(made, built, -1), "extension");
    X509_EXTENSION_free(built);
}

static void one(const unsigned char *der, long length, EVP_PKEY *root, X509 *issuer, EVP_PKEY *key) {
    X509 *leaf = d2i_X509(NULL, &der, length);
    check(leaf != NULL && X509_verify(leaf, root) == 1, "verification");
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf), NULL);
    char *uid = BN_bn2hex(number), uri[80];
    snprintf(uri, sizeof uri, "URI:urn:stsafe:%s", uid);
    X509 *made = X509_new();
    unsigned char serial[16];
    check(RAND_bytes(serial, sizeof serial), "random");
    serial[0] = (serial[0] & 0x3F) | 0x40;
    BIGNUM *drawn = BN_bin2bn(serial, sizeof serial, NULL);
    BN_to_ASN1_INTEGER(drawn, X509_get_serialNumber(made));
    X509_set_version(made, 2);
    ASN1_TIME_set_string(X509_getm_notBefore(made), "260101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(made), "351230000000Z");
    X509_set_issuer_name(made, X509_get_subject_name(issuer));
    X509_NAME *name = X509_get_subject_name(made);
    X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8, (unsigned char *)"Example Devices", -1, -1, 0);
    X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (unsigned char *)uid, -1, -1, 0);
    X509_set_pubkey(made, X509_get0_pubkey(leaf));
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, made, NULL, NULL, 0);
    extension(made, &context, NID_basic_constraints, "critical,CA:FALSE");
    extension(made, &context, NID_key_usage, "critical,digitalSignature");
    extension(made, &context, NID_ext_key_usage, "clientAuth");
    extension(made, &context, NID_subject_key_identifier, "hash");
    extension(made, &context, NID_authority_key_identifier, "keyid");
    extension(made, &context, NID_subject_alt_name, uri);
    check(X509_sign(made, key, EVP_sha256()) > 0, "signature");
    unsigned char *bytes = NULL;
    check(i2d_X509(made, &bytes) > 0, "encoding");
    OPENSSL_free(bytes);
    OPENSSL_free(uid);
    BN_free(number);
    BN_free(drawn);
    X509_free(made);
    X509_free(leaf);
}

static double seconds(struct timeval time) { return time.tv_sec + time.tv_usec / 1e6; }

int main(int count, char **arguments) {
    check(count == 6, "five arguments");
    FILE *file = fopen(arguments[1], "r");
    check(file != NULL, arguments[1]);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    unsigned char *all = malloc(size);
    check(fread(all, 1, size, file) == (size_t)size, arguments[1]);
    X509 *issuer = certificate(arguments[3]);
    EVP_PKEY *root = X509_get0_pubkey(certificate(arguments[2]));
    FILE *key_file = fopen(arguments[4], "r");
    check(key_file != NULL, arguments[4]);
    EVP_PKEY *key = PEM_read_PrivateKey(key_file, NULL, NULL, NULL);
    check(key != NULL, arguments[4]);
    long processes = atol(arguments[5]), leaves = 0;
    struct timeval began, ended;
    gettimeofday(&began, NULL);
    for (long process = 0; process < processes; process++) {
        if (fork() == 0) {
            long number = 0;
            for (long at = 0; at < size; number++) {
                long length = (long)all[at] << 24 | all[at + 1] << 16 | all[at + 2] << 8 | all[at + 3];
                if (number % processes == process)
                    one(all + at + 4, length, root, issuer, key);
                at += 4 + length;
            }
            exit(0);
        }
    }
    for (long process = 0; process < processes; process++) {
        int status;
        wait(&status);
        check(status == 0, "a process");
    }
    gettimeofday(&ended, NULL);
    for (long at = 0; at < size; leaves++)
        at += 4 + ((long)all[at] << 24 | all[at + 1] << 16 | all[at + 2] << 8 | all[at + 3]);
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    double used = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    printf("%ld %.3f %.3f\n", leaves, seconds(ended) - seconds(began), used);
    return 0;
}
