// What a good Go program does with a reel: verify each leaf's signature, build a certificate, sign it.
//
//	go build -o go_peer go_peer.go
//	go_peer LEAVES ROOT.pem ISSUING.pem ISSUING.key.pem THREADS
//
// In memory, as python_peer.py: nothing is unpacked, checked again, recorded or packed. LEAVES holds leaves in DER, each
// behind its length in four bytes, big-endian. Prints certificates, wall seconds and CPU seconds.
package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	check(err)
	return data
}

func certificate(path string) *x509.Certificate {
	block, _ := pem.Decode(read(path))
	parsed, err := x509.ParseCertificate(block.Bytes)
	check(err)
	return parsed
}

func cpu() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func work(leaves [][]byte, root, issuer *x509.Certificate, key *ecdsa.PrivateKey) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, der := range leaves {
		leaf, err := x509.ParseCertificate(der)
		check(err)
		check(root.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature))
		uid := fmt.Sprintf("%022X", leaf.SerialNumber)
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
		check(err)
		point := leaf.PublicKey.(*ecdsa.PublicKey)
		identifier := sha1.Sum(leaf.RawSubjectPublicKeyInfo[len(leaf.RawSubjectPublicKeyInfo)-65:])
		template := x509.Certificate{
			SerialNumber:          serial,
			Subject:               pkix.Name{Organization: []string{"Example Devices"}, CommonName: uid},
			NotBefore:             start,
			NotAfter:              start.AddDate(10, 0, 0),
			BasicConstraintsValid: true,
			KeyUsage:              x509.KeyUsageDigitalSignature,
			ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
			SubjectKeyId:          identifier[:],
			URIs:                  []*url.URL{{Scheme: "urn", Opaque: "stsafe:" + uid}},
			SignatureAlgorithm:    x509.ECDSAWithSHA256,
		}
		_, err = x509.CreateCertificate(rand.Reader, &template, issuer, point, key)
		check(err)
	}
}

func main() {
	threads, err := strconv.Atoi(os.Args[5])
	check(err)
	runtime.GOMAXPROCS(threads)
	var leaves [][]byte
	for rest := read(os.Args[1]); len(rest) > 0; {
		length := 4 + binary.BigEndian.Uint32(rest)
		leaves = append(leaves, rest[4:length])
		rest = rest[length:]
	}
	root, issuer := certificate(os.Args[2]), certificate(os.Args[3])
	block, _ := pem.Decode(read(os.Args[4]))
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	check(err)
	key := parsed.(*ecdsa.PrivateKey)
	began, used := time.Now(), cpu()
	var group sync.WaitGroup
	share := (len(leaves) + threads - 1) / threads
	for from := 0; from < len(leaves); from += share {
		to := from + share
		if to > len(leaves) {
			to = len(leaves)
		}
		group.Add(1)
		go func(leaves [][]byte) {
			defer group.Done()
			work(leaves, root, issuer, key)
		}(leaves[from:to])
	}
	group.Wait()
	fmt.Printf("%d %.3f %.3f\n", len(leaves), time.Since(began).Seconds(), cpu()-used)
}
