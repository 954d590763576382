package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// soak makes requests that have as little in common as strangers can manage: what is distinct in each is told by strain.
// Every so many requests it prints a line with the number made so far, and at the end the report.
func soak(args []string) error {
	flags := flag.NewFlagSet("load soak", flag.ContinueOnError)
	address := flags.String("address", "", "host:port of the server")
	keyFile := flags.String("key", "", "file with the issuer's Ed25519 key (PKCS #8, PEM)")
	kid := flags.String("kid", "", "its name")
	issuer := flags.String("issuer", "", "the issuer; URLs below it are issuers with the same keys")
	audience := flags.String("audience", "", "the STS domain")
	inFlight := flags.Int("in-flight", 64, "requests at once")
	requests := flags.Int("requests", 1_000_000, "requests in all")
	step := flags.Int("step", 50_000, "requests between two lines")
	if err := flags.Parse(args); err != nil {
		return err
	}
	key, err := readKey(*keyFile)
	if err != nil {
		return err
	}
	ask, closeAll, err := dial("grpc", *address, dialOptions{connections: 8})
	if err != nil {
		return err
	}
	defer closeAll()

	signer := tokenSigner{key: key, kid: *kid, issuer: *issuer, audience: *audience}
	var next atomic.Int64
	results := make([][]result, *inFlight)
	var workers sync.WaitGroup
	began := time.Now()
	for index := range results {
		results[index] = make([]result, len(kinds))
		workers.Go(func() {
			for {
				n := int(next.Add(1) - 1)
				if n >= *requests {
					return
				}
				if n%*step == 0 {
					fmt.Println(n)
				}
				token, to := signer.strain(n)
				begin := time.Now()
				results[index][n%len(kinds)].add(ask(token, to), time.Since(begin))
			}
		})
	}
	workers.Wait()
	fmt.Println(*requests)
	return printSoak(results, time.Since(began))
}

// kinds are the names of strain's, in its order.
var kinds = [...]string{"subject", "owner", "repository", "identity", "issuer", "key", "once", "no such issuer"}

func printSoak(results [][]result, took time.Duration) error {
	all, byKind := []result{}, map[string]report{}
	for kind, name := range kinds {
		ofKind := []result{}
		for _, worker := range results {
			ofKind = append(ofKind, worker[kind])
		}
		all, byKind[name] = append(all, ofKind...), summary(ofKind, took)
	}
	return json.NewEncoder(os.Stdout).Encode(struct {
		report
		Kinds map[string]report `json:"kinds"`
	}{summary(all, took), byKind})
}

type tokenSigner struct {
	key                   ed25519.PrivateKey
	kid, issuer, audience string
}

// strain is request n: of eight kinds in turn, each with something that no other request has. All have a jti of their own.
func (s tokenSigner) strain(n int) (string, target) {
	unique := fmt.Sprintf("s%d", n)
	subject := "repo:acme/app:ref:refs/heads/main"
	switch n % len(kinds) {
	case 0: // a subject, which the policy's pattern accepts
		return s.sign(s.issuer, s.kid, "repo:acme/app:ref:refs/heads/"+unique, n), target{"acme/app", "any-branch"}
	case 1: // an owner
		return s.sign(s.issuer, s.kid, subject, n), target{unique + "/app", "ci"}
	case 2: // a repository
		return s.sign(s.issuer, s.kid, subject, n), target{"acme/" + unique, "ci"}
	case 3: // an identity
		return s.sign(s.issuer, s.kid, subject, n), target{"acme/app", unique}
	case 4: // an issuer that answers
		return s.sign(s.issuer+"/"+unique, s.kid, subject, n), target{"acme/app", "ci"}
	case 5: // a key that its issuer has not
		return s.sign(s.issuer, unique, subject, n), target{"acme/app", "ci"}
	case 6: // a token to be used once
		return s.sign(s.issuer, s.kid, subject, n), target{"acme/app", "once"}
	default: // an issuer that does not exist
		return s.sign("https://"+unique+".invalid", s.kid, subject, n), target{"acme/app", "ci"}
	}
}

// sign makes a token that lives for a minute, so that what is kept until its end goes while the soak runs.
func (s tokenSigner) sign(issuer, kid, subject string, n int) string {
	now := time.Now().Unix()
	header, _ := json.Marshal(map[string]string{"alg": "EdDSA", "typ": "JWT", "kid": kid})
	claims, _ := json.Marshal(map[string]any{
		"iss": issuer, "sub": subject, "aud": s.audience, "iat": now, "exp": now + 60, "jti": fmt.Sprint(n),
		"repository": "acme/app", "repository_owner": "acme", "ref": "refs/heads/main", "run_id": fmt.Sprint(n),
	})
	input := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(s.key, []byte(input)))
}

func readKey(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, fits := parsed.(ed25519.PrivateKey)
	if !fits {
		return nil, errors.New("the key is no Ed25519 key")
	}
	return key, nil
}
