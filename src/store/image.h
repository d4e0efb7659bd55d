/* SPDX-License-Identifier: Apache-2.0 */
/* A whole queue in memory: jobs in order of their serial, each with its files in order of their
 * index, its reply, and its credentials in order of (target, scheme). What the database is read
 * into before anybody sees it, and what the memory store is made of. The image owns its jobs. */
#pragma once

#include "engine/port/store.h"
#include "store/stored.h"

typedef struct Image {
        Job **jobs;
        size_t len, cap;
} Image;

void image_done(Image *image); /* empties it; it may be used again */

/* Position of the job, or where it would have to be inserted. */
bool image_find(const Image *image, uint64_t serial, size_t *ret_pos);
bool image_find_credential(const Job *job, uint32_t target, uint32_t scheme, uint32_t *ret_pos);
/* Room for one more job, or one more file or credential of a job, so that the next insertion cannot
 * fail. 0 or -ENOMEM. */
_must_use_ int image_reserve(Image *image);
_must_use_ int image_reserve_file(Job *job);
_must_use_ int image_reserve_credential(Job *job);
/* Takes the object; room was reserved. */
void image_insert(Image *image, size_t pos, Job *take_job);
void image_append_file(Job *job, JobFile *take_file);
void image_insert_credential(Job *job, uint32_t pos, const JobCredential *take_credential);
/* Takes it out and gives it to the caller. */
Job *image_remove(Image *image, size_t pos);
JobCredential image_remove_credential(Job *job, uint32_t pos);

/* A job whose GUID an earlier one has, NULL when there is none. 0 or -ENOMEM. */
_must_use_ int image_find_twin(const Image *image, const Job **ret);
/* 0 or -ENOMEM (*ret stays empty). */
_must_use_ int image_dup(const Image *image, Image *ret);
/* First serial that no job has. */
uint64_t image_next_serial(const Image *image);

/* Gives every object to the sink, in the order the port promises. The image is empty afterwards,
 * also when the sink fails; its failure is returned. */
int image_hand_out(Image *image, const StoreSink *sink);
