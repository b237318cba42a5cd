;; A peer for tests: Goblins on plain TCP on loopback, with no framing, by the name in OCAPN_NAME and the port
;; in OCAPN_PORT. Besides the five objects for interoperability tests it publishes a relay, which sends what it
;; is given to its first argument, and two that send to another as often as they are told, to be measured: one
;; when the answer before has come, one all at once.
(use-modules (goblins) (goblins vat) (goblins actor-lib io)
             (goblins ocapn captp) (goblins ocapn ids) (goblins ocapn netlayer base-port)
             (goblins utils hashmap) (fibers conditions)
             (rnrs bytevectors) (srfi srfi-11) (ice-9 match) (ice-9 threads))

(sigaction SIGPIPE SIG_IGN)
(define name (getenv "OCAPN_NAME"))
(define port (string->number (getenv "OCAPN_PORT")))
(define host "127.0.0.1")

(define (unblocked! socket)
  (fcntl socket F_SETFL (logior O_NONBLOCK (fcntl socket F_GETFL)))
  socket)

(define (listener)
  (let ((made (socket PF_INET SOCK_STREAM 0)))
    (setsockopt made SOL_SOCKET SO_REUSEADDR 1)
    (bind made AF_INET (inet-pton AF_INET host) port)
    (listen made 100)
    (unblocked! made)))

(define (^plain-tcp bcom)
  (define accepting (spawn ^io (listener)))
  (define here
    (make-ocapn-peer 'tcp-testing-only name
                     (hashmap ("host" host) ("port" (number->string port)))))
  (define (incoming)
    (on (<- accepting (lambda (from) (accept from O_NONBLOCK)))
        (match-lambda
          ((made . _) (setvbuf made 'block 4096) (unblocked! made) made))
        #:promise? #t))
  (define (outgoing peer)
    (spawn-fibrous-vow
     (lambda ()
       (let ((hints (ocapn-peer-hints peer))
             (made (socket PF_INET SOCK_STREAM 0)))
         (connect made AF_INET (inet-pton AF_INET (hashmap-ref hints "host"))
                  (string->number (hashmap-ref hints "port")))
         (setvbuf made 'block 4096)
         (unblocked! made)))))
  (^base-port-netlayer bcom here incoming outgoing))

(define (^car _ colour model)
  (lambda ()
    (string-append "Vroom! I am a " (symbol->string colour) " " (symbol->string model) " car!")))
(define (^factory _)
  (lambda (spec)
    (match spec
      (((? symbol? colour) (? symbol? model)) (spawn ^car colour model)))))
(define (^builder _) (lambda () (spawn ^factory)))
(define (^echo _) (lambda said said))
(define (^greeter _) (lambda (who) (<- who "Hello") #t))
(define (^pair _) (lambda () (call-with-values spawn-promise-and-resolver list)))
(define (^enlivener _ capn) (lambda (reference) (<- capn 'enliven reference)))
(define (^relay _) (lambda (who . said) (apply <- who said)))
(define (^in-turn _)
  (lambda (who count)
    (let-values (((promise resolver) (spawn-promise-and-resolver)))
      (let again ((left count))
        (if (zero? left)
            (<-np resolver 'fulfill #t)
            (on (<- who left) (lambda _ (again (- left 1))))))
      promise)))
(define (^at-once _)
  (lambda (who count)
    (let-values (((promise resolver) (spawn-promise-and-resolver)))
      (let ((open count))
        (define (answered . _)
          (set! open (- open 1))
          (when (zero? open) (<-np resolver 'fulfill #t)))
        (let again ((left count))
          (unless (zero? left)
            (on (<- who left) answered)
            (again (- left 1)))))
      promise)))

(define home (spawn-vat))
(with-vat home
  (let* ((netlayer (spawn ^plain-tcp))
         (capn (spawn-mycapn netlayer))
         (registry ($ capn 'get-registry)))
    (for-each
     (match-lambda
       ((swissnum . object) ($ registry 'register object (string->utf8 swissnum))))
     `(("JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ" . ,(spawn ^builder))
       ("IO58l1laTyhcrgDKbEzFOO32MDd6zE5w" . ,(spawn ^echo))
       ("VMDDd1voKWarCe2GvgLbxbVFysNzRPzx" . ,(spawn ^greeter))
       ("IokCxYmMj04nos2JN1TDoY1bT8dXh6Lr" . ,(spawn ^pair))
       ("gi02I1qghIwPiKGKleCQAOhpy3ZtYRpB" . ,(spawn ^enlivener capn))
       ("relay---------------------------" . ,(spawn ^relay))
       ("in-turn-------------------------" . ,(spawn ^in-turn))
       ("at-once-------------------------" . ,(spawn ^at-once))))
    (format #t "READY ~a\n" port)
    (force-output)))

;; Collection is what the tests wait for, so it happens often.
(call-with-new-thread (lambda () (let again () (usleep 100000) (gc) (again))))
(wait (make-condition))
